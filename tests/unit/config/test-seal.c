/* The sealed text: equal to what it was made from, unchangeable, readable by many. */
#include "config/schema.h"
#include "tests/unit/config/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

#define TEST(suite, name) Test(suite, name, .init = harness_start, .fini = harness_end)

static Config *load_sealed(int fd) {
        ConfigFindings found = {0};
        Config *c = NULL;
        int r = config_load_fd(fd, &found, &c);

        cr_assert_eq(found.count, 0, "%s", found.count ? found.lines[0] : "");
        cr_assert_eq(r, 0);
        return c;
}

TEST(seal, gives_back_the_same_from_a_shared_descriptor) {
        int fd = -1;

        write_file("stintd.conf", "queues: ( { name = \"a\"; max_waiting = 3; } );"
                                  "events: { socket = \"/odd \\\"name\\\\/s\"; };");
        cr_assert_eq(config_seal(load_good(), &fd), 0);
        for (int i = 0; i < 3; i++) {
                _cleanup_(config_freep) Config *c = load_sealed(fd);
                expect_same_config(c, load_good());
                expect_same_settings(c, load_good());
        }
        close(fd);
}

/* Also of files that are included, in conf.d, or oddly named; and of a second seal. */
TEST(seal, keeps_where_each_value_was_given) {
        int fd = -1;

        write_file("more of it.conf", "daemon: {\n  log_level = \"debug\";\n};\n");
        write_file("stintd.conf", "# one\n@include \"more of it.conf\"\n"
                                  "queues: ( { name = \"a\"; },\n { name = \"b\"; } );\n");
        write_file("conf.d/1 \"x\".conf", "store: { retention: { age = \"1d\"; }; };\n");
        cr_assert_eq(config_seal(load_good(), &fd), 0);
        _cleanup_(config_freep) Config *once = load_sealed(fd);
        close(fd);
        expect_same_settings(once, load_good());
        cr_assert_str_eq(once->place.log_level.file, path_of("more of it.conf"));
        cr_assert_eq(once->place.log_level.line, 2);
        cr_assert_eq(once->queues[1].place.name.line, 4);
        cr_assert_str_eq(once->place.retention.age_usec.file, path_of("conf.d/1 \"x\".conf"));
        cr_assert_null(once->pools[0].place.workers.file);
        cr_assert_eq(config_seal(once, &fd), 0);
        _cleanup_(config_freep) Config *twice = load_sealed(fd);
        close(fd);
        expect_same_settings(twice, once);
}

/* What looks like a mark in the file of a person is a comment. */
TEST(seal, only_what_is_sealed_has_marks) {
        write_file("stintd.conf", "\n#@ 77 /elsewhere\ndaemon: { log_level = \"debug\"; };\n");
        cr_assert_eq(load_good()->place.log_level.line, 3);
        cr_assert_str_eq(load_good()->place.log_level.file, path_of("stintd.conf"));
}

TEST(seal, cannot_be_changed_and_is_not_inherited) {
        int fd = -1;

        cr_assert_eq(config_seal(load_good(), &fd), 0);
        cr_assert_lt(pwrite(fd, "x", 1, 0), 0);
        cr_assert_lt(ftruncate(fd, 0), 0);
        cr_assert_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
}

static int memfd_of(const char *text) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        return fd;
}

static void expect_refused(const char *text, const char *finding) {
        ConfigFindings found = {0};
        Config *c = NULL;
        int fd = memfd_of(text);

        cr_assert_eq(config_load_fd(fd, &found, &c), -EINVAL);
        cr_assert_null(c);
        cr_assert_str_eq(found.lines[0], finding);
        config_findings_done(&found);
        close(fd);
}

/* A newer program reads what an older one sealed: keys that it lacks have their defaults. */
TEST(seal, keys_that_are_missing_have_their_defaults_but_paths_have_none) {
        int fd = memfd_of("control: { socket = \"/c\"; }; events: { socket = \"/e\"; };"
                          "store: { url = \"memory:\"; };");
        _cleanup_(config_freep) Config *c = load_sealed(fd);

        close(fd);
        cr_assert_eq(c->retention.tasks, 1000000);
        cr_assert_str_eq(c->pools[0].name, "default");
        expect_refused("control: { socket = \"/c\"; }; events: { socket = \"/e\"; };",
                       "built-in defaults: store.url: is missing");
        expect_refused("nonsense", "the sealed configuration:1: syntax error here or just before");
}

TEST(seal, a_descriptor_that_cannot_be_read_says_so) {
        ConfigFindings found = {0};
        Config *c = NULL;

        cr_assert_eq(config_load_fd(-1, &found, &c), -EBADF);
        cr_assert_eq(found.count, 1);
        config_findings_done(&found);
}

/* ---- property: load(seal(c)) equals c for every c that could have been loaded ---- */

static uint64_t state;

static uint64_t random_u64(void) { /* xorshift64* */
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * UINT64_C(2685821657736338717);
}

/* From min to max, often at an end. */
static uint64_t random_between(uint64_t min, uint64_t max) {
        switch (random_u64() % 4) {
        case 0:
                return min;
        case 1:
                return max;
        default:
                return max - min == UINT64_MAX ? random_u64()
                                               : min + random_u64() % (max - min + 1);
        }
}

static void random_name(char *name, size_t max, size_t index) {
        static const char letters[] = "abcXYZ019_.-";
        size_t n = (size_t)sprintf(name, "%02zu", index); /* unique */

        for (size_t length = random_between(n, max); n < length; n++)
                name[n] = letters[random_u64() % (sizeof letters - 1)];
        name[n] = '\0';
}

static void random_path(char *path, size_t max) {
        size_t n = 1, length = random_between(2, max);

        path[0] = '/';
        for (; n < length; n++) {
                do
                        path[n] = (char)random_between(0x20, 0xff);
                while (path[n] == 0x7f);
        }
        if (path[n - 1] == '/')
                path[n - 1] = '\\';
        path[n] = '\0';
}

static void random_number(const ConfigKey *key, void *record) {
        uint64_t value = random_between(key->min, key->max);
        uint32_t narrow;

        if (key->word_count > 0 && (key->type == TYPE_CHOICE || random_u64() % 4 == 0))
                value = key->words[random_u64() % key->word_count].value;
        narrow = (uint32_t)value;
        memcpy((char *)record + key->offset,
               key->size == sizeof value ? (void *)&value : (void *)&narrow, key->size);
}

static void random_queues(const Config *c, PoolConfig *pool) {
        pool->queues = calloc(c->queue_count, sizeof *pool->queues);
        for (size_t i = 0; i < c->queue_count; i++)
                if (pool == c->pools || random_u64() % 2)
                        strcpy(pool->queues[pool->queue_count++], c->queues[i].name);
        if (pool->queue_count == 0)
                strcpy(pool->queues[pool->queue_count++], c->queues[0].name);
}

static void random_record(const char *group, void *record, size_t index, const Config *c) {
        size_t n;
        const ConfigKey *keys = config_schema(&n);

        for (size_t i = 0; i < n; i++) {
                char *field = (char *)record + keys[i].offset;
                if (strcmp(keys[i].group, group) != 0)
                        continue;
                if (keys[i].type == TYPE_QUEUES)
                        random_queues(c, record);
                else if (keys[i].type == TYPE_NAME)
                        random_name(field, keys[i].max, index);
                else if (keys[i].type == TYPE_SOCKET)
                        random_path(field, keys[i].max);
                else if (keys[i].type == TYPE_STORE_URL)
                        random_path(strcpy(field, "sqlite:") + 7, PATH_MAX - 1);
                else
                        random_number(&keys[i], record);
        }
}

static Config *random_config(void) {
        static const char *const groups[] = {"daemon", "control", "events", "store",
                                             "store.retention"};
        Config *c = calloc(1, sizeof *c);

        for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
                random_record(groups[i], c, i, c);
        while (strcmp(c->events_socket, c->control_socket) == 0)
                random_record("events", c, 0, c);
        c->queue_count = random_between(1, 12);
        c->queues = calloc(c->queue_count, sizeof *c->queues);
        for (size_t i = 0; i < c->queue_count; i++)
                random_record("queues", &c->queues[i], i, c);
        c->pool_count = random_between(1, 6);
        c->pools = calloc(c->pool_count, sizeof *c->pools);
        for (size_t i = 0; i < c->pool_count; i++)
                random_record("pools", &c->pools[i], i, c);
        bool commands = random_u64() % 2; /* every queue is shared, so all are of one class */
        for (size_t i = 0; i < c->pool_count; i++)
                c->pools[i].handler = commands ? HANDLER_COMMAND
                                      : i % 2  ? HANDLER_NOOP
                                               : HANDLER_ECHO;
        return c;
}

TEST(seal, any_configuration_comes_back_equal) {
        const char *given = getenv("STINT_TEST_SEED");
        uint64_t seed = 0;

        if (given)
                seed = strtoull(given, NULL, 10);
        else
                cr_assert_eq(getrandom(&seed, sizeof seed, 0), (ssize_t)sizeof seed);
        fprintf(stderr, "STINT_TEST_SEED=%llu\n", (unsigned long long)seed);
        state = seed | 1;
        for (int i = 0; i < 30; i++) {
                _cleanup_(config_freep) Config *c = random_config();
                int fd = -1;
                cr_assert_eq(config_seal(c, &fd), 0);
                _cleanup_(config_freep) Config *again = load_sealed(fd);
                expect_same_config(again, c);
                close(fd);
        }
}

TEST(seal, the_largest_configuration_fits) {
        Config c = {.queue_count = CONFIG_QUEUES_MAX, .pool_count = CONFIG_POOLS_MAX};
        int fd = -1;

        random_record("daemon", &c, 0, &c);
        strcpy(c.control_socket, "/c");
        strcpy(c.events_socket, "/e");
        strcpy(c.store_url, "memory:");
        c.retention.age_usec = USEC_PER_SEC;
        c.retention.tasks = c.retention.bytes = UINT64_MAX;
        c.queues = calloc(c.queue_count, sizeof *c.queues);
        c.pools = calloc(c.pool_count, sizeof *c.pools);
        for (size_t i = 0; i < c.queue_count; i++) {
                sprintf(c.queues[i].name, "%064zu", i);
                c.queues[i].max_waiting = 1;
        }
        for (size_t i = 0; i < c.pool_count; i++) {
                sprintf(c.pools[i].name, "%064zu", i);
                c.pools[i].handler = HANDLER_ECHO;
                c.pools[i].queue_count = c.queue_count;
                c.pools[i].queues = calloc(c.queue_count, sizeof *c.pools[i].queues);
                for (size_t j = 0; j < c.queue_count; j++)
                        strcpy(c.pools[i].queues[j], c.queues[j].name);
        }
        cr_assert_eq(config_seal(&c, &fd), 0);
        _cleanup_(config_freep) Config *again = load_sealed(fd);
        expect_same_config(again, &c);
        close(fd);
        for (size_t i = 0; i < c.pool_count; i++)
                free(c.pools[i].queues);
        free(c.pools);
        free(c.queues);
}
