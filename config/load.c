/* Loading: which files are read, in which order, and what happens to what they say.
 *
 * Trees and sources are kept until the end, because places in messages point into them. Checks of
 * the whole are made only when every file could be parsed: what a broken file would have added
 * would be missed everywhere. */
#include "config/draft.h"

#include "common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALED_NAME      "the sealed configuration"
#define SEALED_BYTES_MAX (64 * 1024 * 1024)

/* One file that was read. */
typedef struct Part Part;
struct Part {
        Source source;
        Node tree;
        Part *next;
};

typedef struct Loader {
        Draft draft;
        Report report;
        Part *parts;
        bool unparsed; /* a file could not be read or parsed */
} Loader;

static void loader_done(Loader *l) {
        draft_done(&l->draft);
        while (l->parts) {
                Part *p = l->parts;
                l->parts = p->next;
                node_done(&p->tree);
                source_done(&p->source);
                free(p);
        }
}

static int load_text(Loader *l, SourceKind kind, const char *name, const char *text, size_t size,
                     size_t limit_bytes) {
        Part *p = calloc(1, sizeof *p);
        if (!p)
                return l->report.error = -ENOMEM;
        p->next = l->parts;
        l->parts = p;
        int r = source_load(&p->source, kind, name, text, size, limit_bytes, &l->report);
        if (r == 0)
                r = parse_source(&p->source, &l->report, &p->tree);
        if (r < 0) {
                l->unparsed = true;
                return r;
        }
        r = draft_apply(&l->draft, &p->tree);
        if (r < 0)
                l->report.error = r;
        return r;
}

static void load_file(Loader *l, const char *path, ConfigPresence presence) {
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;

        int r = source_read_file(path, &text, &size);
        if (r == -ENOENT && presence == CONFIG_OPTIONAL)
                return;
        if (r < 0) {
                l->unparsed = true;
                report_add(&l->report, r, (ConfigPlace){.file = path},
                           "cannot read the configuration: %s", source_read_error(r));
                return;
        }
        /* What failed is in the report. */
        (void)load_text(l, SOURCE_OF_PERSON, path, text, size, SOURCE_BYTES_MAX);
}

/* ---- conf.d ---- */

static int is_conf(const struct dirent *entry) {
        size_t n = strlen(entry->d_name), suffix = strlen(".conf");

        return entry->d_name[0] != '.' && n > suffix &&
               strcmp(entry->d_name + n - suffix, ".conf") == 0;
}

/* By bytes, so that the order does not depend on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_directory(Loader *l, const char *directory) {
        struct dirent **entries;
        char path[PATH_MAX + NAME_MAX + 2];

        int n = scandir(directory, &entries, is_conf, by_name);
        if (n < 0) {
                if (errno != ENOENT)
                        report_add(&l->report, -errno, (ConfigPlace){.file = directory},
                                   "cannot read the directory: %s", strerrordesc_np(errno));
                return;
        }
        for (int i = 0; i < n; i++) {
                snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
                load_file(l, path, CONFIG_REQUIRED);
                free(entries[i]);
        }
        free(entries);
}

/* ---- public ---- */

static int load_end(Loader *l, Config **ret) {
        int r = 0;

        if (!l->unparsed)
                r = draft_complete(&l->draft);
        if (!l->unparsed && r == 0)
                draft_check(&l->draft);
        r = report_end(&l->report);
        if (r == 0)
                *ret = take_ptr(l->draft.config);
        loader_done(l);
        return r;
}

int config_load(const InstancePaths *paths, ConfigPresence presence, ConfigFindings *findings,
                Config **ret) {
        Loader l = {.report = {.findings = findings}};

        int r = draft_init(&l.draft, &l.report);
        if (r < 0)
                return r;
        Config *c = l.draft.config;
        snprintf(c->control_socket, sizeof c->control_socket, "%s", paths->control);
        snprintf(c->events_socket, sizeof c->events_socket, "%s", paths->events);
        snprintf(c->store_url, sizeof c->store_url, "sqlite:%s/stint.db", paths->state);

        load_file(&l, paths->config, presence);
        if (paths->config_d[0])
                load_directory(&l, paths->config_d);
        if (!l.unparsed)
                draft_check_machine(&l.draft);
        return load_end(&l, ret);
}

static int read_fd(int fd, char **ret_text, size_t *ret_size) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size < 0 || st.st_size > SEALED_BYTES_MAX)
                return -EFBIG;
        size_t size = (size_t)st.st_size, done = 0;
        _cleanup_(freep) char *text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        while (done < size) {
                ssize_t n = pread(fd, text + done, size - done, (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t)n;
        }
        *ret_text = take_ptr(text);
        *ret_size = done;
        return 0;
}

int config_load_fd(int fd, ConfigFindings *findings, Config **ret) {
        Loader l = {.report = {.findings = findings}};
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;

        int r = read_fd(fd, &text, &size);
        if (r < 0)
                return report_add(&l.report, r, (ConfigPlace){.file = SEALED_NAME},
                                  "cannot read it: %s", source_read_error(r));
        r = draft_init(&l.draft, &l.report);
        if (r < 0)
                return r;
        /* What failed is in the report. */
        (void)load_text(&l, SOURCE_WITH_MARKS, SEALED_NAME, text, size, SEALED_BYTES_MAX);
        return load_end(&l, ret);
}
