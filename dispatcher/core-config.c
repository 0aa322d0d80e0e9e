/* See core-config.h. */
#include "dispatcher/core-config.h"

#include <errno.h>
#include <string.h>

/* Runs that may be outstanding at one worker. A command worker executes one at a time; a second one
 * may wait there while runs are short (the core takes it back when they are not), which hides the
 * round trip between two commands. Message handlers end at once, so what they are given is bounded
 * only by how much one message should hold. */
#define COMMAND_SLOTS  1
#define COMMAND_CREDIT 16
#define MESSAGE_SLOTS  1
#define MESSAGE_CREDIT 256

static CorePoolConfig core_pool(const PoolConfig *p, const char *const *queues, bool replace) {
        bool command = p->handler == HANDLER_COMMAND;
        return (CorePoolConfig){
                .name = p->name,
                .handler = handler_name(p->handler),
                .queues = queues,
                .queue_count = p->queue_count,
                .kind = command ? TASK_KIND_COMMAND : TASK_KIND_MESSAGE,
                .workers = pool_config_workers(p),
                .slots = command ? COMMAND_SLOTS : MESSAGE_SLOTS,
                .credit = command ? COMMAND_CREDIT : MESSAGE_CREDIT,
                .replace_workers = replace,
        };
}

static size_t queue_names_total(const Config *config) {
        size_t n = 0;
        for (size_t i = 0; i < config->pool_count; i++)
                n += config->pools[i].queue_count;
        return n;
}

int core_apply_config(Core *core, const Config *config, const Config *old) {
        _cleanup_(freep) CoreQueueConfig *queues = calloc(config->queue_count + 1, sizeof *queues);
        _cleanup_(freep) CorePoolConfig *pools = calloc(config->pool_count + 1, sizeof *pools);
        _cleanup_(freep) const char **names = calloc(queue_names_total(config) + 1, sizeof *names);
        if (!queues || !pools || !names)
                return -ENOMEM;
        for (size_t i = 0; i < config->queue_count; i++)
                queues[i] = (CoreQueueConfig){.name = config->queues[i].name,
                                              .max_waiting = config->queues[i].max_waiting};
        const char **next = names;
        for (size_t i = 0; i < config->pool_count; i++) {
                const PoolConfig *p = &config->pools[i],
                                 *before = old ? config_pool(old, p->name) : NULL;
                pools[i] = core_pool(p, next, before && !pool_config_equal(before, p));
                for (size_t q = 0; q < p->queue_count; q++)
                        *next++ = p->queues[q];
        }
        return core_configure(core, &(CoreConfig){.queues = queues,
                                                  .queue_count = config->queue_count,
                                                  .pools = pools,
                                                  .pool_count = config->pool_count});
}
