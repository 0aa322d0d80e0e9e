/* The table of keys. Bounds are chosen so that a slip (a missing unit, a digit too many) is refused
 * while every sane value passes. "none" switches a bound of retention off; 0 is refused there,
 * because half of the world's programs take it for "keep nothing" and half for "no bound". */
#include "config/schema.h"

#include <string.h>
#include <syslog.h>

static const ConfigWord log_levels[] = {
        {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
        {"info", LOG_INFO}, {"debug", LOG_DEBUG},
};
static const ConfigWord handlers[] = {
        {"command", HANDLER_COMMAND},
        {"noop", HANDLER_NOOP},
        {"echo", HANDLER_ECHO},
};
static const ConfigWord no_bound[] = {{"none", UINT64_MAX}};
static const ConfigWord automatic[] = {{"auto", CONFIG_WORKERS_AUTO}};

#define WORDS(list) .words = (list), .word_count = ARRAY_SIZE(list)
#define FIELD(Type, member)                                                                        \
        .offset = offsetof(Type, member), .size = sizeof(((Type *)0)->member),                     \
        .place = offsetof(Type, place.member)
#define BEYOND "what is beyond it is forgotten"
#define KIB    UINT64_C(1024)

/* clang-format off */
static const ConfigKey keys[] = {
        {"daemon", "log_level", TYPE_CHOICE, WORDS(log_levels), FIELD(Config, log_level),
         .fallback = "\"info\"",
         .meaning = "The least severe messages that are logged.",
         .effect = EFFECT_AT_ONCE},
        {"daemon", "stop_timeout", TYPE_DURATION, .max = USEC_PER_DAY,
         FIELD(Config, stop_timeout_usec), .fallback = "\"30s\"",
         .meaning = "How long a stop waits for running tasks before it ends them.",
         .effect = EFFECT_AT_ONCE, .effect_note = "a stop that has begun keeps the old one"},
        {"control", "socket", TYPE_SOCKET, .max = CONFIG_SOCKET_MAX, FIELD(Config, control_socket),
         .fallback_note = "control.sock in the instance's run directory",
         .meaning = "The socket that clients connect to.",
         .effect = EFFECT_RESTART},
        {"control", "group", TYPE_NAME, .max = CONFIG_GROUP_MAX, FIELD(Config, control_group),
         .fallback = "\"\"",
         .meaning = "The group whose members may use both sockets; \"\" for none. Sockets that "
                    "systemd has made have the group of its unit (SocketGroup=).",
         .effect = EFFECT_RESTART},
        {"events", "socket", TYPE_SOCKET, .max = CONFIG_SOCKET_MAX, FIELD(Config, events_socket),
         .fallback_note = "events.sock in the instance's run directory",
         .meaning = "The socket on which changes of tasks are published.",
         .effect = EFFECT_RESTART},
        {"store", "url", TYPE_STORE_URL, FIELD(Config, store_url),
         .fallback_note = "sqlite: and stint.db in the instance's state directory",
         .meaning = "Where tasks and results are kept; memory: loses them when the daemon ends.",
         .effect = EFFECT_RESTART},
        {"store.retention", "age", TYPE_DURATION, .min = USEC_PER_SEC, .max = DURATION_MAX,
         WORDS(no_bound), FIELD(Config, retention.age_usec), .fallback = "\"7d\"",
         .meaning = "Ended tasks older than this are forgotten with their output.",
         .effect = EFFECT_AT_ONCE, .effect_note = BEYOND},
        {"store.retention", "tasks", TYPE_COUNT, .min = 1, .max = UINT64_C(1000000000000),
         WORDS(no_bound), FIELD(Config, retention.tasks), .fallback = "1000000",
         .meaning = "Beyond so many ended tasks the oldest are forgotten.",
         .effect = EFFECT_AT_ONCE, .effect_note = BEYOND},
        {"store.retention", "bytes", TYPE_SIZE, .min = 64 * KIB, .max = KIB * KIB * KIB * KIB * KIB,
         WORDS(no_bound), FIELD(Config, retention.bytes), .fallback = "\"2G\"",
         .meaning = "Beyond so much stored the oldest ended tasks are forgotten.",
         .effect = EFFECT_AT_ONCE, .effect_note = BEYOND},
        {"queues", "name", TYPE_NAME, .min = 1, .max = CONFIG_NAME_MAX, FIELD(QueueConfig, name),
         .fallback_note = "required", .meaning = "The queue's name, unique among queues.",
         .effect = EFFECT_AT_ONCE,
         .effect_note = "a queue that is gone keeps its waiting tasks, which nobody executes until"
                        " it is back"},
        {"queues", "max_waiting", TYPE_COUNT, .min = 1, .max = 1000000000,
         FIELD(QueueConfig, max_waiting), .fallback = "1000000",
         .meaning = "While so many tasks wait in the queue, further ones are refused.",
         .effect = EFFECT_NEW_TASKS},
        {"pools", "name", TYPE_NAME, .min = 1, .max = CONFIG_NAME_MAX, FIELD(PoolConfig, name),
         .fallback_note = "required", .meaning = "The pool's name, unique among pools.",
         .effect = EFFECT_AT_ONCE,
         .effect_note = "the workers of a pool that is gone finish what they do first"},
        {"pools", "queues", TYPE_QUEUES, .min = 1, .max = CONFIG_QUEUES_MAX,
         FIELD(PoolConfig, queues), .fallback_note = "required",
         .meaning = "The queues whose tasks the pool's workers execute.",
         .effect = EFFECT_AT_ONCE, .effect_note = "a worker still does what it has been given"},
        {"pools", "handler", TYPE_CHOICE, WORDS(handlers), FIELD(PoolConfig, handler),
         .fallback = "\"command\"",
         .meaning = "What a worker does with a task: command executes it; noop and echo are for"
                    " messages and answer nothing or the payload.",
         .effect = EFFECT_AT_ONCE,
         .effect_note = "workers that are busy are replaced when they have finished"},
        {"pools", "workers", TYPE_COUNT, .min = 1, .max = CONFIG_WORKERS_MAX, WORDS(automatic),
         FIELD(PoolConfig, workers), .fallback = "\"auto\"",
         .meaning = "The number of worker processes; \"auto\" is one for each usable processor.",
         .effect = EFFECT_AT_ONCE,
         .effect_note = "new ones start now, those too many finish what they do first"},
};
/* clang-format on */

const ConfigKey *config_schema(size_t *ret_count) {
        *ret_count = ARRAY_SIZE(keys);
        return keys;
}

const ConfigKey *config_schema_find(const char *group, const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strcmp(keys[i].group, group) == 0 && strcmp(keys[i].name, name) == 0)
                        return &keys[i];
        return NULL;
}

bool config_group_is_list(const char *group) {
        return strcmp(group, "queues") == 0 || strcmp(group, "pools") == 0;
}

bool config_schema_group(size_t number, ConfigKeys *ret) {
        size_t i = 0;

        for (size_t g = 0; i < ARRAY_SIZE(keys); g++) {
                *ret = (ConfigKeys){.group = keys[i].group, .items = &keys[i]};
                for (; i < ARRAY_SIZE(keys) && strcmp(keys[i].group, ret->group) == 0; i++)
                        ret->count++;
                if (g == number)
                        return true;
        }
        return false;
}

_Static_assert(offsetof(QueueConfig, name) == 0 && offsetof(PoolConfig, name) == 0,
               "a record begins with its name");

ConfigEntries config_entries(const Config *c, const char *group) {
        if (strcmp(group, "queues") == 0)
                return (ConfigEntries){(const char *)c->queues, c->queue_count, sizeof *c->queues};
        return (ConfigEntries){(const char *)c->pools, c->pool_count, sizeof *c->pools};
}

const char *config_entry(const ConfigEntries *e, size_t i) {
        return e->records + i * e->size;
}

const char *config_entry_find(const ConfigEntries *e, const char *name) {
        for (size_t i = 0; i < e->count; i++)
                if (strcmp(config_entry(e, i), name) == 0)
                        return config_entry(e, i);
        return NULL;
}

/* What follows group in path: "store" and "store.retention" give "retention"; NULL: path is not
 * below. */
static const char *below(const char *group, const char *path) {
        size_t n = strlen(group);

        if (n == 0)
                return path;
        return strncmp(path, group, n) == 0 && path[n] == '.' ? path + n + 1 : NULL;
}

bool config_schema_has_group(const char *group) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strcmp(keys[i].group, group) == 0 || below(group, keys[i].group))
                        return true;
        return false;
}

static bool has_name(const char *const *names, size_t count, const char *name) {
        for (size_t i = 0; i < count; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

size_t config_schema_names(const char *group, const char **ret, size_t size) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(keys) && n < size; i++) {
                const char *sub = below(group, keys[i].group);
                if (strcmp(keys[i].group, group) == 0)
                        ret[n++] = keys[i].name;
                else if (sub && !strchr(sub, '.') && !has_name(ret, n, sub))
                        ret[n++] = sub;
        }
        return n;
}
