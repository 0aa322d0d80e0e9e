/* See harness.h. */
#include "tests/unit/config/harness.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static InstancePaths paths;
static Config *loaded;
static ConfigFindings found;

void harness_start(void) {
        strcpy(directory, "/tmp/stint-config-XXXXXX");
        cr_assert_not_null(mkdtemp(directory));
        paths = (InstancePaths){.kind = INSTANCE_USER};
        strcpy(paths.state, "/home/u/state");
        strcpy(paths.run, "/run/u");
        strcpy(paths.control, "/run/u/control.sock");
        strcpy(paths.events, "/run/u/events.sock");
        snprintf(paths.config, sizeof paths.config, "%s/stintd.conf", directory);
        snprintf(paths.config_d, sizeof paths.config_d, "%s/conf.d", directory);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

void harness_end(void) {
        loaded = config_free(loaded);
        config_findings_done(&found);
        nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

InstancePaths *harness_paths(void) {
        return &paths;
}

const char *path_of(const char *name) {
        static char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        return path;
}

void write_bytes(const char *name, const void *data, size_t size) {
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s", path_of(name));
        char *slash = strrchr(path, '/');
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
        FILE *f = fopen(path, "w");
        cr_assert_not_null(f);
        cr_assert_eq(fwrite(data, 1, size, f), size);
        cr_assert_eq(fclose(f), 0);
}

void write_file(const char *name, const char *text) {
        write_bytes(name, text, strlen(text));
}

static int load(ConfigPresence presence) {
        loaded = config_free(loaded);
        config_findings_done(&found);
        return config_load(&paths, presence, &found, &loaded);
}

const Config *load_good(void) {
        int r = load(CONFIG_OPTIONAL);

        for (size_t i = 0; i < found.count; i++)
                fprintf(stderr, "unexpected: %s\n", found.lines[i]);
        cr_assert_eq(found.count, 0);
        cr_assert_eq(r, 0);
        return loaded;
}

/* The line without the test's directory, wherever it is named. */
static const char *without_directory(const char *line, char *buf, size_t size) {
        size_t n = 0, length = strlen(directory);

        for (; *line && n + 1 < size; line++) {
                if (strncmp(line, directory, length) == 0 && line[length] == '/')
                        line += length + 1;
                buf[n++] = *line;
        }
        buf[n] = '\0';
        return buf;
}

static void expect_line(size_t index, const char *expected) {
        char line[8192];

        cr_assert_lt(index, found.count, "no finding, expected: %s", expected);
        without_directory(found.lines[index], line, sizeof line);
        cr_assert_str_eq(line, expected, "expected: %s\n     got: %s", expected, line);
}

void expect_findings(const char *first, ...) {
        va_list ap;
        size_t n = 0;

        cr_assert_lt(load(CONFIG_OPTIONAL), 0);
        cr_assert_null(loaded);
        va_start(ap, first);
        for (const char *line = first; line; line = va_arg(ap, const char *))
                expect_line(n++, line);
        va_end(ap);
        cr_assert_eq(found.count, n, "one more: %s", n < found.count ? found.lines[n] : "");
}

int load_bad(ConfigPresence presence, const char **ret_only_finding) {
        static char line[8192];
        int r = load(presence);

        cr_assert_lt(r, 0);
        cr_assert_null(loaded);
        cr_assert_eq(found.count, 1);
        *ret_only_finding = without_directory(found.lines[0], line, sizeof line);
        return r;
}

void expect_finding_of(const char *text, const char *finding) {
        write_file("stintd.conf", text);
        expect_findings(finding, NULL);
}

static void expect_same_places(const ConfigSetting *a, const ConfigSetting *b) {
        cr_assert_str_eq(a->name, b->name);
        cr_assert_eq(a->place.line, b->place.line, "%s", a->name);
        cr_assert_str_eq(a->place.file ? a->place.file : "", b->place.file ? b->place.file : "");
}

void expect_same_settings(const Config *a, const Config *b) {
        ConfigSettings s = {0}, t = {0};

        cr_assert_eq(config_settings(a, &s), 0);
        cr_assert_eq(config_settings(b, &t), 0);
        cr_assert_eq(s.count, t.count);
        for (size_t i = 0; i < s.count; i++) {
                cr_assert_str_eq(s.items[i].value, t.items[i].value);
                expect_same_places(&s.items[i], &t.items[i]);
        }
        config_settings_done(&s);
        config_settings_done(&t);
}

void expect_same_config(const Config *a, const Config *b) {
        cr_assert_eq(a->log_level, b->log_level);
        cr_assert_eq(a->stop_timeout_usec, b->stop_timeout_usec);
        cr_assert_str_eq(a->control_socket, b->control_socket);
        cr_assert_str_eq(a->control_group, b->control_group);
        cr_assert_str_eq(a->events_socket, b->events_socket);
        cr_assert_str_eq(a->store_url, b->store_url);
        cr_assert_eq(a->retention.age_usec, b->retention.age_usec);
        cr_assert_eq(a->retention.tasks, b->retention.tasks);
        cr_assert_eq(a->retention.bytes, b->retention.bytes);
        cr_assert_eq(a->queue_count, b->queue_count);
        for (size_t i = 0; i < a->queue_count; i++) {
                cr_assert_str_eq(a->queues[i].name, b->queues[i].name);
                cr_assert_eq(a->queues[i].max_waiting, b->queues[i].max_waiting);
        }
        cr_assert_eq(a->pool_count, b->pool_count);
        for (size_t i = 0; i < a->pool_count; i++) {
                const PoolConfig *p = &a->pools[i], *q = &b->pools[i];
                cr_assert_str_eq(p->name, q->name);
                cr_assert_eq(p->handler, q->handler);
                cr_assert_eq(p->workers, q->workers);
                cr_assert_eq(p->queue_count, q->queue_count);
                for (size_t j = 0; j < p->queue_count; j++)
                        cr_assert_str_eq(p->queues[j], q->queues[j]);
        }
}
