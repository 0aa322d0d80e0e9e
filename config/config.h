/* The configuration of an instance: one schema, one loader, one set of checks for every program.
 *
 * Files are libconfig text. stintd reads the main file, then those of conf.d in the order of their
 * names: named entries of the lists (queues, pools) add up, a name given twice is an error that
 * names both places, scalars override. What comes out is checked as a whole, every finding is
 * reported with file:line, and one bad finding refuses all. The accepted configuration is written
 * out as one libconfig text, without includes, into a sealed memfd; dispatcher and workers load it
 * from there with the same code, so no process ever meets a half-edited file.
 *
 * Keys are rows of a table (config/schema.h): name, type, bounds, default, meaning. An unknown key
 * is an error with the nearest known one. Durations and sizes are strings ("30s", "2G").
 *
 * What is written is what exists: once any file has `queues`, exactly the queues that are listed;
 * the same for `pools`. Without `queues` there is one queue, "default"; without `pools` there is
 * one pool, "default", of automatic size, which runs commands from every queue. Every queue must be
 * served by a pool, a pool serves only queues that exist, and the pools of one queue agree on what
 * a task is: a command or a message.
 *
 * No global state; a Config is the caller's and never changes once loaded. Any thread. */
#pragma once

#include "common/error.h"
#include "common/paths.h"
#include "common/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_NAME_MAX     64
#define CONFIG_GROUP_MAX    63
#define CONFIG_SOCKET_MAX   107 /* bytes of a socket's path: sun_path less its NUL */
#define CONFIG_QUEUES_MAX   1024
#define CONFIG_POOLS_MAX    256
#define CONFIG_WORKERS_MAX  1024 /* in one pool */
#define CONFIG_WORKERS_AUTO 0    /* as many as processors are usable (sched_getaffinity) */
#define CONFIG_FINDINGS_MAX 100  /* of one load; the last line says how many more there were */

typedef enum HandlerKind { HANDLER_COMMAND = 1, HANDLER_NOOP, HANDLER_ECHO } HandlerKind;

/* Where a value was given. */
typedef struct ConfigPlace {
        const char *file; /* in a Config: of its files; NULL: nowhere, it is the default */
        unsigned line;    /* from 1; 0: the file as a whole */
} ConfigPlace;

typedef struct QueueConfig {
        char name[CONFIG_NAME_MAX + 1];
        uint64_t max_waiting; /* beyond it a submit is refused; default 1,000,000 */
        struct {
                ConfigPlace name, max_waiting;
        } place;
} QueueConfig;

typedef struct PoolConfig {
        char name[CONFIG_NAME_MAX + 1];
        HandlerKind handler;
        uint32_t workers; /* CONFIG_WORKERS_AUTO or 1 … CONFIG_WORKERS_MAX; see pool_config_workers
                           */
        char (*queues)[CONFIG_NAME_MAX + 1]; /* every one is in Config.queues */
        size_t queue_count;
        struct {
                ConfigPlace name, queues, handler, workers;
        } place;
} PoolConfig;

typedef struct Config {
        /* daemon */
        int log_level; /* LOG_ERR … LOG_DEBUG */
        usec_t stop_timeout_usec;
        /* control, events */
        char control_socket[PATH_MAX];
        char control_group[CONFIG_GROUP_MAX + 1]; /* "" : none */
        char events_socket[PATH_MAX];
        /* store */
        char store_url[PATH_MAX + 16]; /* memory: or sqlite:/absolute/path */
        struct {
                usec_t age_usec;       /* USEC_INFINITY: no bound */
                uint64_t tasks, bytes; /* UINT64_MAX: no bound */
        } retention;
        QueueConfig *queues;
        size_t queue_count;
        PoolConfig *pools;
        size_t pool_count;

        struct {
                ConfigPlace log_level, stop_timeout_usec, control_socket, control_group,
                        events_socket, store_url;
                struct {
                        ConfigPlace age_usec, tasks, bytes;
                } retention;
        } place;      /* of what has the same name above */
        char **files; /* that places name */
        size_t file_count;
} Config;

/* The findings of a load, in order, for people: "FILE:LINE: what: why; what to do" a line. Must be
 * zeroed before its first use; a load appends. */
typedef struct ConfigFindings {
        char **lines;
        size_t count;
} ConfigFindings;
void config_findings_done(ConfigFindings *f);

/* The findings of a load that failed as one text, a line each, without a last newline: as many as
 * fit into buf, then "… and N more". size: at least 64. Returns buf. */
const char *config_findings_text(const ConfigFindings *f, char *buf, size_t size);

/* Reads paths->config and paths->config_d over the built-in defaults (a queue and a command pool
 * named "default"; sockets and database of the instance). A file named explicitly (required) must
 * exist; the default one need not. 0; -EINVAL with findings; other negative errno with findings as
 * well (none only for -ENOMEM). */
typedef enum ConfigPresence { CONFIG_OPTIONAL, CONFIG_REQUIRED } ConfigPresence;
int config_load(const InstancePaths *paths, ConfigPresence presence, ConfigFindings *findings,
                Config **ret);

/* Loads what config_seal wrote. 0 or negative errno (findings say why). Reads by pread from offset
 * 0: the descriptor is shared. */
int config_load_fd(int fd, ConfigFindings *findings, Config **ret);

/* A sealed memfd (F_SEAL_WRITE | SHRINK | GROW | SEAL, close-on-exec) with the canonical text of c.
 */
int config_seal(const Config *c, int *ret_fd);

Config *config_free(Config *c); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Config *, config_free)

const QueueConfig *config_queue(const Config *c, const char *name); /* NULL: none */
const PoolConfig *config_pool(const Config *c, const char *name);
uint32_t pool_config_workers(const PoolConfig *p); /* with "auto" resolved, at least 1 */

/* Would a worker of a serve b unchanged? (handler; not the number of workers or queues) */
bool pool_config_equal(const PoolConfig *a, const PoolConfig *b);
const char *handler_name(HandlerKind h);
