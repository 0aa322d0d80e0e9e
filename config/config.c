/* What programs ask of a loaded configuration. */
#include "config/schema.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

Config *config_free(Config *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->pool_count; i++)
                free(c->pools[i].queues);
        free(c->pools);
        free(c->queues);
        for (size_t i = 0; i < c->file_count; i++)
                free(c->files[i]);
        free(c->files);
        free(c);
        return NULL;
}

const QueueConfig *config_queue(const Config *c, const char *name) {
        for (size_t i = 0; i < c->queue_count; i++)
                if (strcmp(c->queues[i].name, name) == 0)
                        return &c->queues[i];
        return NULL;
}

const PoolConfig *config_pool(const Config *c, const char *name) {
        for (size_t i = 0; i < c->pool_count; i++)
                if (strcmp(c->pools[i].name, name) == 0)
                        return &c->pools[i];
        return NULL;
}

/* The mask's size is the kernel's, which may know of more processors than cpu_set_t has room for.
 */
static unsigned usable_processors(void) {
        int count = 0;

        for (int room = CPU_SETSIZE; count == 0 && room <= 64 * CPU_SETSIZE; room *= 2) {
                cpu_set_t *set = CPU_ALLOC((size_t)room);
                size_t size = CPU_ALLOC_SIZE((size_t)room);
                if (set && sched_getaffinity(0, size, set) == 0)
                        count = CPU_COUNT_S(size, set);
                CPU_FREE(set);
        }
        return count > 0 ? (unsigned)count : 1;
}

uint32_t pool_config_workers(const PoolConfig *p) {
        if (p->workers != CONFIG_WORKERS_AUTO)
                return p->workers;
        return MIN_OF(usable_processors(), (unsigned)CONFIG_WORKERS_MAX);
}

bool pool_config_equal(const PoolConfig *a, const PoolConfig *b) {
        return a->handler == b->handler;
}

const char *handler_name(HandlerKind h) {
        const ConfigKey *key = config_schema_find("pools", "handler");

        for (size_t i = 0; i < key->word_count; i++)
                if (key->words[i].value == (uint64_t)h)
                        return key->words[i].word;
        return "unknown";
}
