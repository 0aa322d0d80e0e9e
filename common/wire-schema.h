/* Every message of stint, once: struct, encoder, decoder, bounds, fuzz seeds and the tables in
 * docs/protocol-fields.md all come from these lists. A header frame is the MessagePack array
 * [protocol, type, request id, fields…] in the order below; trailing fields that a reader does not
 * know are skipped, trailing fields that are missing read as zero. Opaque bytes (argv,
 * environments, payloads, output) travel in one payload frame behind it, concatenated in the order
 * that the sizes in the header give; nobody but the final reader parses them.
 *
 * Field kinds:  U(name)              unsigned 64-bit
 *               I(name)              signed 64-bit
 *               T(name, max)         text, bytes at most
 *               B(name, max)         binary, bytes at most
 *               N(name, max)         list of unsigned
 *               S(name, max, len)    list of texts, each at most len bytes
 *               L(name, Type, max)   list of structs, each an array of its fields
 *
 * SYNC, HELLO, END and ACK are frozen as of protocol 1: a newer dispatcher must always be able to
 * take over and acknowledge the work of an older worker. */
#pragma once

#define WIRE_PROTOCOL 1

/* Bounds, in one place. A header frame is at most WIRE_HEADER_MAX, a whole message at most
 * WIRE_MESSAGE_MAX. */
#define WIRE_HEADER_MAX      (4u << 20)
#define WIRE_MESSAGE_MAX     (16u << 20)
#define WIRE_PAYLOAD_MAX     (8u << 20) /* one task's payload */
#define WIRE_ENVIRONMENT_MAX (2u << 20)
#define WIRE_STDIN_MAX       (1u << 20)
#define WIRE_TASKS_MAX       4096 /* tasks in one SUBMIT, ids in one request, rows in one answer */
#define WIRE_RUNS_MAX        1024 /* runs in one RUN, STARTED, END or ACK */
#define WIRE_OUTPUT_MAX      (256u << 10) /* bytes of output in one answer */
#define WIRE_TAIL_MAX        (64u << 10)  /* bytes of each stream inside END */
#define WIRE_NAME_MAX        64           /* queue, pool */
#define WIRE_TASK_NAME_MAX   128
#define WIRE_LABELS_MAX      16
#define WIRE_LABEL_MAX       64
#define WIRE_SUMMARY_MAX     256
#define WIRE_TEXT_MAX        512
#define WIRE_PROGRESS_MAX    80          /* bytes of what a task says about its progress */
#define WIRE_EVENTS_MAX      1024        /* events in one answer */
#define WIRE_REPORT_MAX      16384       /* bytes of findings about a configuration */
#define WIRE_SETTING_MAX     (72u << 10) /* bytes of a value of the configuration */
#define WIRE_SETTINGS_MAX    4096        /* in one answer */
#define WIRE_FILE_MAX        8192 /* bytes of the name of a file of the configuration, escaped */
#define WIRE_UUID            16

/* clang-format off */

/* ---- parts of messages ---- */

/* A task as it is submitted. kind: TaskKind. flags: WIRE_TASK_*. Durations in microseconds, 0:
 * default (none). group: of tasks that belong together, "" for none. retry_of: the ended task that
 * this one repeats, 0: none. */
#define WIRE_TASK(U, I, T, B, N, S, L)                                                             \
        U(kind) T(queue, WIRE_NAME_MAX) I(priority) T(name, WIRE_TASK_NAME_MAX)                    \
        S(labels, WIRE_LABELS_MAX, WIRE_LABEL_MAX) T(summary, WIRE_SUMMARY_MAX)                    \
        U(delay_usec) U(timeout_usec) U(grace_usec) U(retries) U(backoff_min_usec)                 \
        U(backoff_max_usec) U(flags) U(payload_size) T(group, WIRE_NAME_MAX) U(retry_of)

/* Ids first … first + count - 1. */
#define WIRE_RANGE(U, I, T, B, N, S, L) U(first) U(count)

/* How a task ended: state (TaskState), reason (EndReason), code (exit code or signal number, by
 * reason). */
#define WIRE_ENDED_TASK(U, I, T, B, N, S, L) U(id) U(state) U(reason) I(code)

/* kind: SelectorKind. first, count: ids. state: TaskState. text: queue, name, k=v or group. */
#define WIRE_SELECTOR(U, I, T, B, N, S, L) U(kind) U(first) U(count) U(state) T(text, WIRE_TEXT_MAX)

/* A task as lists show it. Times: wall clock, usec, 0: not yet. due: when a delayed one becomes
 * ready. usage as in ATTEMPT. retried_as: the newest task that repeats this one. progress: of a
 * running one as it last told it, percent + 1, 0: nothing told. */
#define WIRE_ROW(U, I, T, B, N, S, L)                                                              \
        U(id) T(queue, WIRE_NAME_MAX) U(kind) U(state) U(reason) I(code) I(priority) U(attempt)    \
        U(uid) U(flags) U(submitted_usec) U(due_usec) U(started_usec) U(ended_usec)                \
        T(name, WIRE_TASK_NAME_MAX) S(labels, WIRE_LABELS_MAX, WIRE_LABEL_MAX)                     \
        T(summary, WIRE_SUMMARY_MAX) U(worker) U(run_id) T(group, WIRE_NAME_MAX) U(retry_of)       \
        U(retried_as) U(progress) T(progress_text, WIRE_PROGRESS_MAX)

/* One finished attempt. wall, user, system: usec. out_total, err_total: bytes that the command
 * wrote; dropped: bytes beyond the output limit. */
#define WIRE_ATTEMPT(U, I, T, B, N, S, L)                                                          \
        U(attempt) U(run_id) U(worker) U(state) U(reason) I(code) U(started_usec) U(ended_usec)    \
        U(user_usec) U(system_usec) U(max_rss_bytes) U(out_total) U(err_total) U(out_dropped)      \
        U(err_dropped) U(result_size) T(detail, WIRE_TEXT_MAX)

#define WIRE_QUEUE_STATUS(U, I, T, B, N, S, L)                                                     \
        T(name, WIRE_NAME_MAX) U(ready) U(delayed) U(running) U(held) U(blocked) U(max_waiting)    \
        U(oldest_usec) U(succeeded) U(failed) U(cancelled) U(expired)

/* workers: alive; wanted: by the configuration; busy and slots: runs. last_exit: why the last
 * worker died, "" if none did. */
#define WIRE_POOL_STATUS(U, I, T, B, N, S, L)                                                      \
        T(name, WIRE_NAME_MAX) T(handler, WIRE_NAME_MAX) U(workers) U(wanted) U(busy) U(slots)     \
        S(queues, 256, WIRE_NAME_MAX) T(last_exit, WIRE_TEXT_MAX)

/* A value of the configuration. name: its group, a dot, its key; for entries of a list also their
 * names, as in pools.default.workers. value: as it is written in a file, which is JSON. file, line:
 * where it was given; "", 0: it is the default. */
#define WIRE_SETTING(U, I, T, B, N, S, L)                                                          \
        T(name, 2 * WIRE_NAME_MAX) T(value, WIRE_SETTING_MAX) T(file, WIRE_FILE_MAX) U(line)

#define WIRE_COUNTER(U, I, T, B, N, S, L) T(name, WIRE_NAME_MAX) U(value)
/* Events in thousandths per second, as averages that forget with a time constant of 10 s and of
 * 1 min. */
#define WIRE_RATE(U, I, T, B, N, S, L) T(name, WIRE_NAME_MAX) U(milli_10s) U(milli_1m)

/* The output of one task's last attempt in the payload frame of OUTPUTS_DATA: out, err, result.
 * flags: WIRE_OUTPUTS_*. *_total, *_dropped: as in OUTPUT_DATA. */
#define WIRE_OUTPUTS_ITEM(U, I, T, B, N, S, L)                                                     \
        U(id) U(attempt) U(flags) U(out_size) U(err_size) U(result_size) U(out_total) U(err_total) \
        U(out_dropped) U(err_dropped)

/* percent: 0 … 100. */
#define WIRE_PROGRESS_ITEM(U, I, T, B, N, S, L) U(run_id) U(percent) T(text, WIRE_PROGRESS_MAX)

/* One run for a worker. The payload frame holds, run after run, environment then payload. */
#define WIRE_RUN_ITEM(U, I, T, B, N, S, L)                                                         \
        U(run_id) U(task_id) U(attempt) U(kind) T(queue, WIRE_NAME_MAX) U(timeout_usec)            \
        U(grace_usec) U(environment_size) U(payload_size)

#define WIRE_STARTED_ITEM(U, I, T, B, N, S, L) U(run_id) U(started_usec) U(pid)

/* How a run ended: state (succeeded, failed, cancelled, or ready for an interrupted one),
 * reason, code, usage. out_total, err_total: bytes written; *_kept: bytes inside END's payload
 * frame (out, err, result, run after run) when out_file/err_file is 0, else bytes in the file. */
#define WIRE_END_ITEM(U, I, T, B, N, S, L)                                                         \
        U(run_id) U(task_id) U(state) U(reason) I(code) U(started_usec) U(wall_usec) U(user_usec)  \
        U(system_usec) U(max_rss_bytes) U(out_total) U(err_total) U(out_kept) U(err_kept)          \
        U(files) U(result_size) T(detail, WIRE_TEXT_MAX)

/* ---- messages between client and dispatcher ---- */

#define WIRE_CLIENT_HELLO(U, I, T, B, N, S, L)                                                     \
        B(client, WIRE_UUID) U(protocol_min) U(protocol_max) T(version, 64)
/* uid: of the client, as the kernel tells. events: path of the event socket. */
#define WIRE_WELCOME(U, I, T, B, N, S, L)                                                          \
        U(protocol) U(epoch) T(version, 64) U(pid) U(uid) T(instance, 16)                          \
        T(state_dir, WIRE_TEXT_MAX) U(message_max) U(tasks_max) T(events, WIRE_TEXT_MAX)

/* client, seq, held: see docs/protocol.md, "Requests are done once". flags: WIRE_SUBMIT_*.
 * payload frame: environment, then each task's payload. */
#define WIRE_SUBMIT(U, I, T, B, N, S, L)                                                           \
        B(client, WIRE_UUID) U(seq) U(held) U(flags) U(environment_size)                           \
        L(tasks, WireTask, WIRE_TASKS_MAX)
#define WIRE_SUBMITTED(U, I, T, B, N, S, L) U(first_id) U(count)

#define WIRE_CANCEL(U, I, T, B, N, S, L)                                                           \
        B(client, WIRE_UUID) U(seq) U(held) U(signal) N(ids, WIRE_TASKS_MAX)
#define WIRE_CANCELLED(U, I, T, B, N, S, L)                                                        \
        U(cancelled) U(ended) N(unknown, WIRE_TASKS_MAX) N(denied, WIRE_TASKS_MAX)

/* Answered by one or more ENDED as the tasks end; the last one has more = 0. */
#define WIRE_WAIT(U, I, T, B, N, S, L) L(ranges, WireRange, WIRE_TASKS_MAX)
#define WIRE_ENDED(U, I, T, B, N, S, L)                                                            \
        L(ends, WireEndedTask, WIRE_TASKS_MAX) N(unknown, WIRE_TASKS_MAX) U(more)
/* Forgets the WAIT or OUTPUT of that request id; no answer. */
#define WIRE_FORGET(U, I, T, B, N, S, L) U(request)

/* states: bit mask of 1 << TaskState, 0: all. before: only ids below it, 0: from the newest.
 * flags: WIRE_LIST_*. */
#define WIRE_LIST(U, I, T, B, N, S, L)                                                             \
        L(selectors, WireSelector, 1) U(states) T(queue, WIRE_NAME_MAX) U(since_usec)              \
        U(before) U(limit) U(flags)
/* before: what the next LIST gives to go on, 0: no more. unknown: ids that were named and do not
 * exist. */
#define WIRE_ROWS(U, I, T, B, N, S, L)                                                             \
        L(rows, WireRow, WIRE_TASKS_MAX) U(before) N(unknown, WIRE_TASKS_MAX)
#define WIRE_IDS(U, I, T, B, N, S, L) N(ids, WIRE_TASKS_MAX) U(before) N(unknown, WIRE_TASKS_MAX)

#define WIRE_SHOW(U, I, T, B, N, S, L) U(id)
/* payload frame: environment, payload. */
#define WIRE_SHOWN(U, I, T, B, N, S, L)                                                            \
        L(task, WireRow, 1) U(timeout_usec) U(grace_usec) U(retries) U(backoff_min_usec)           \
        U(backoff_max_usec) L(attempts, WireAttempt, 256) U(environment_size) U(payload_size)

/* stream: StreamKind. attempt 0: the latest. wait 1: answer only when there is something beyond
 * offset or nothing will come. */
#define WIRE_OUTPUT(U, I, T, B, N, S, L) U(id) U(attempt) U(stream) U(offset) U(max) U(wait)
/* payload frame: size bytes. end 1: no byte will ever come after these. total, dropped: of the
 * stream so far. state: of the task while it has not ended, 0 afterwards. */
#define WIRE_OUTPUT_DATA(U, I, T, B, N, S, L)                                                      \
        U(offset) U(size) U(end) U(total) U(dropped) U(attempt) U(state)

#define WIRE_STATUS(U, I, T, B, N, S, L) U(flags)
#define WIRE_STATUS_DATA(U, I, T, B, N, S, L)                                                      \
        T(version, 64) U(pid) U(uid) U(epoch) U(started_usec) U(now_usec) T(instance, 16)          \
        T(store, WIRE_TEXT_MAX) T(state_dir, WIRE_TEXT_MAX) T(health, WIRE_TEXT_MAX)               \
        L(queues, WireQueueStatus, 1024) L(pools, WirePoolStatus, 1024)                            \
        L(counters, WireCounter, 64) L(rates, WireRate, 16)

/* Sends a signal to every process of the runs of these tasks, once per request: a client that does
 * not know whether it arrived must decide itself. */
#define WIRE_SIGNAL(U, I, T, B, N, S, L) U(signal) N(ids, WIRE_TASKS_MAX)
/* waiting, ended: how many of them do not run. */
#define WIRE_SIGNALLED(U, I, T, B, N, S, L)                                                        \
        U(signalled) U(waiting) U(ended) N(unknown, WIRE_TASKS_MAX) N(denied, WIRE_TASKS_MAX)

/* Forgets ended tasks and their output. client, seq, held as in SUBMIT. unended: those that are
 * left alone since they have not ended. */
#define WIRE_PURGE(U, I, T, B, N, S, L)                                                            \
        B(client, WIRE_UUID) U(seq) U(held) N(ids, WIRE_TASKS_MAX)
#define WIRE_PURGED(U, I, T, B, N, S, L)                                                           \
        U(purged) N(unended, WIRE_TASKS_MAX) N(unknown, WIRE_TASKS_MAX) N(denied, WIRE_TASKS_MAX)

/* Has the configuration read again. generation: the one in force afterwards. code 0 with what has
 * changed in text, a line each, or 78 with the findings; the old one stays in force then. */
#define WIRE_RELOAD(U, I, T, B, N, S, L)   U(flags)
#define WIRE_RELOADED(U, I, T, B, N, S, L) U(generation) U(code) T(text, WIRE_REPORT_MAX)

/* The configuration in force, from its setting number first on: as many as fit, at least one if
 * there is one. generation: which one it is; total: of all settings. */
#define WIRE_CONFIG(U, I, T, B, N, S, L) U(first)
#define WIRE_CONFIG_DATA(U, I, T, B, N, S, L)                                                      \
        U(generation) U(total) L(settings, WireSetting, WIRE_SETTINGS_MAX)

/* Small outputs of many ended tasks at once. Streams that are longer than max, and those of which
 * some is in a file, are left out and flagged: OUTPUT reads them. The answer holds the first ids,
 * as many as fit; at least one. Unknown ids have attempt 0. */
#define WIRE_OUTPUTS(U, I, T, B, N, S, L)      U(max) N(ids, WIRE_TASKS_MAX)
#define WIRE_OUTPUTS_DATA(U, I, T, B, N, S, L) L(items, WireOutputsItem, WIRE_TASKS_MAX)

/* Events after seq of that epoch, as far as the dispatcher still has them; epoch 0: none, only
 * where the channel is now. epoch, seq: of the last one published. missed: how many between seq and
 * the first one here are gone for good; of another epoch than asked for, all that there are. */
#define WIRE_EVENTS(U, I, T, B, N, S, L) U(epoch) U(seq)
#define WIRE_EVENTS_DATA(U, I, T, B, N, S, L)                                                      \
        U(epoch) U(seq) U(missed) L(events, WireEventItem, WIRE_EVENTS_MAX)

#define WIRE_PING(U, I, T, B, N, S, L) U(flags)
#define WIRE_PONG(U, I, T, B, N, S, L) U(epoch) U(now_usec)

/* The answer to what cannot be done. code: an exit code of common/error.h. */
#define WIRE_ERROR(U, I, T, B, N, S, L) U(code) T(text, WIRE_TEXT_MAX)

/* ---- messages between dispatcher and worker ---- */

#define WIRE_SYNC(U, I, T, B, N, S, L) U(epoch) U(n) B(store, WIRE_UUID)
/* Run ids that are held; running_tasks, unacked_tasks: the task of each, in the same order. */
#define WIRE_HELLO(U, I, T, B, N, S, L)                                                            \
        U(serial) U(epoch) U(n) B(store, WIRE_UUID) N(running, WIRE_RUNS_MAX)                      \
        N(unacked, WIRE_TASKS_MAX) N(running_tasks, WIRE_RUNS_MAX) N(unacked_tasks, WIRE_TASKS_MAX)
#define WIRE_RUN(U, I, T, B, N, S, L) U(epoch) U(n) L(runs, WireRunItem, WIRE_RUNS_MAX)
#define WIRE_STARTED(U, I, T, B, N, S, L) U(serial) L(runs, WireStartedItem, WIRE_RUNS_MAX)
#define WIRE_END(U, I, T, B, N, S, L) U(serial) L(runs, WireEndItem, WIRE_RUNS_MAX)
#define WIRE_ACK(U, I, T, B, N, S, L) N(runs, WIRE_RUNS_MAX)
/* why: StopWhy. signal: the first one sent, then grace, then KILL. */
#define WIRE_STOP(U, I, T, B, N, S, L) U(run_id) U(why) U(signal)
/* Asks for the output of a running run to be in its files from now on. */
#define WIRE_SPILL(U, I, T, B, N, S, L) U(run_id)

/* How far runs have come, as they tell on STINT_PROGRESS_FD; at most 4 a second for each. */
#define WIRE_PROGRESS(U, I, T, B, N, S, L)   U(serial) L(runs, WireProgressItem, WIRE_RUNS_MAX)
/* A signal for every process of a run, which goes on. */
#define WIRE_SIGNAL_RUN(U, I, T, B, N, S, L) U(run_id) U(signal)

/* ---- the event channel (topic frame `task/QUEUE/ID/STATE`, then this) ---- */
#define WIRE_EVENT(U, I, T, B, N, S, L)                                                            \
        U(epoch) U(seq) U(time_usec) U(id) T(queue, WIRE_NAME_MAX) U(state) U(reason) I(code)      \
        U(attempt)

/* P(Struct, FIELDS): parts. M(number, NAME, Struct, FIELDS): messages. Numbers are never reused. */
#define WIRE_PARTS(P)                                                                              \
        P(WireTask, WIRE_TASK)                                                                     \
        P(WireRange, WIRE_RANGE)                                                                   \
        P(WireEndedTask, WIRE_ENDED_TASK)                                                          \
        P(WireSelector, WIRE_SELECTOR)                                                             \
        P(WireRow, WIRE_ROW)                                                                       \
        P(WireAttempt, WIRE_ATTEMPT)                                                               \
        P(WireQueueStatus, WIRE_QUEUE_STATUS)                                                      \
        P(WirePoolStatus, WIRE_POOL_STATUS)                                                        \
        P(WireCounter, WIRE_COUNTER)                                                               \
        P(WireSetting, WIRE_SETTING)                                                               \
        P(WireRunItem, WIRE_RUN_ITEM)                                                              \
        P(WireStartedItem, WIRE_STARTED_ITEM)                                                      \
        P(WireEndItem, WIRE_END_ITEM)                                                              \
        P(WireRate, WIRE_RATE)                                                                     \
        P(WireOutputsItem, WIRE_OUTPUTS_ITEM)                                                      \
        P(WireProgressItem, WIRE_PROGRESS_ITEM)                                                    \
        P(WireEventItem, WIRE_EVENT)

#define WIRE_MESSAGES(M)                                                                           \
        M(1, CLIENT_HELLO, WireClientHello, WIRE_CLIENT_HELLO)                                     \
        M(2, SUBMIT, WireSubmit, WIRE_SUBMIT)                                                      \
        M(3, CANCEL, WireCancel, WIRE_CANCEL)                                                      \
        M(4, WAIT, WireWait, WIRE_WAIT)                                                            \
        M(5, FORGET, WireForget, WIRE_FORGET)                                                      \
        M(6, LIST, WireList, WIRE_LIST)                                                            \
        M(7, SHOW, WireShow, WIRE_SHOW)                                                            \
        M(8, OUTPUT, WireOutput, WIRE_OUTPUT)                                                      \
        M(9, STATUS, WireStatus, WIRE_STATUS)                                                      \
        M(10, PING, WirePing, WIRE_PING)                                                           \
        M(11, SIGNAL, WireSignal, WIRE_SIGNAL)                                                     \
        M(12, PURGE, WirePurge, WIRE_PURGE)                                                        \
        M(13, RELOAD, WireReload, WIRE_RELOAD)                                                     \
        M(14, OUTPUTS, WireOutputs, WIRE_OUTPUTS)                                                  \
        M(15, EVENTS, WireEvents, WIRE_EVENTS)                                                     \
        M(16, CONFIG, WireConfig, WIRE_CONFIG)                                                     \
        M(64, ERROR, WireError, WIRE_ERROR)                                                        \
        M(65, WELCOME, WireWelcome, WIRE_WELCOME)                                                  \
        M(66, SUBMITTED, WireSubmitted, WIRE_SUBMITTED)                                            \
        M(67, CANCELLED, WireCancelled, WIRE_CANCELLED)                                            \
        M(68, ENDED, WireEnded, WIRE_ENDED)                                                        \
        M(70, ROWS, WireRows, WIRE_ROWS)                                                           \
        M(71, SHOWN, WireShown, WIRE_SHOWN)                                                        \
        M(72, OUTPUT_DATA, WireOutputData, WIRE_OUTPUT_DATA)                                       \
        M(73, STATUS_DATA, WireStatusData, WIRE_STATUS_DATA)                                       \
        M(74, PONG, WirePong, WIRE_PONG)                                                           \
        M(75, IDS, WireIds, WIRE_IDS)                                                              \
        M(76, SIGNALLED, WireSignalled, WIRE_SIGNALLED)                                            \
        M(77, PURGED, WirePurged, WIRE_PURGED)                                                     \
        M(78, RELOADED, WireReloaded, WIRE_RELOADED)                                               \
        M(79, OUTPUTS_DATA, WireOutputsData, WIRE_OUTPUTS_DATA)                                    \
        M(80, EVENTS_DATA, WireEventsData, WIRE_EVENTS_DATA)                                       \
        M(81, CONFIG_DATA, WireConfigData, WIRE_CONFIG_DATA)                                       \
        M(128, SYNC, WireSync, WIRE_SYNC)                                                          \
        M(129, HELLO, WireHello, WIRE_HELLO)                                                       \
        M(130, RUN, WireRun, WIRE_RUN)                                                             \
        M(131, STARTED, WireStarted, WIRE_STARTED)                                                 \
        M(132, END, WireEnd, WIRE_END)                                                             \
        M(133, ACK, WireAck, WIRE_ACK)                                                             \
        M(134, STOP, WireStop, WIRE_STOP)                                                          \
        M(135, SPILL, WireSpill, WIRE_SPILL)                                                       \
        M(136, PROGRESS, WireProgress, WIRE_PROGRESS)                                              \
        M(137, SIGNAL_RUN, WireSignalRun, WIRE_SIGNAL_RUN)                                         \
        M(192, EVENT, WireEvent, WIRE_EVENT)
