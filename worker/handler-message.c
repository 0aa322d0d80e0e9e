/* The built-in handlers of messages: `noop` answers nothing, `echo` answers its payload. Both end
 * at once, so many that came in one turn of the loop end in one message. They measure the way of a
 * message, and let one try queues without a handler of one's own. */
#include "worker/handler.h"

static void end_at_once(Run *run) {
        run->end.item.started_usec = time_now_realtime();
        run_set_result(run, TASK_SUCCEEDED, REASON_EXIT, 0);
        run_end(run);
}

static void noop_start(void *state, Run *run) {
        end_at_once(run);
}

static void echo_start(void *state, Run *run) {
        run->end.result = blob_slice_ref(run->payload);
        end_at_once(run);
}

const Handler handler_noop = {
        .name = "noop",
        .kind = TASK_KIND_MESSAGE,
        .slots = LEDGER_RUNS_MAX,
        .start = noop_start,
};

const Handler handler_echo = {
        .name = "echo",
        .kind = TASK_KIND_MESSAGE,
        .slots = LEDGER_RUNS_MAX,
        .start = echo_start,
};

const Handler *handler_find(HandlerKind kind) {
        static const Handler *const handlers[] = {
                [HANDLER_COMMAND] = &handler_command,
                [HANDLER_NOOP] = &handler_noop,
                [HANDLER_ECHO] = &handler_echo,
        };
        return (size_t)kind < ARRAY_SIZE(handlers) ? handlers[kind] : NULL;
}
