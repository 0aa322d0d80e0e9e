/* See world.h. */
#include "tests/unit/core/world.h"

#include <errno.h>

/* ---- ports: everything is written down ---- */

static void *room(void *items, size_t count, size_t size) {
        if (count % 64 == 0) {
                items = reallocarray(items, count + 64, size);
                cr_assert(items);
        }
        return items;
}
#define NOTE(list, value)                                                                          \
        do {                                                                                       \
                (list).items = room((list).items, (list).count, sizeof(*(list).items));            \
                (list).items[(list).count++] = value;                                              \
        } while (0)

static void on_persist(void *userdata, StoreOp *op) {
        World *w = userdata;
        Written note = {.kind = op->kind, .ticket = w->ticket + 1};
        switch (op->kind) {
        case STORE_PUT_TASK:
                note.task_id = op->task.id;
                note.policy = op->task.policy;
                note.due_usec = op->task.not_before_usec;
                note.submitted_usec = op->task.submitted_usec;
                break;
        case STORE_PUT_END:
        case STORE_PUT_ATTEMPT:
                note.task_id = op->run.task_id;
                note.run_id = op->run.run_id;
                note.attempt = op->run.attempt;
                note.state = op->run.state;
                note.reason = op->run.reason;
                note.code = op->run.code;
                note.due_usec = op->due_usec;
                snprintf(note.detail, sizeof note.detail, "%.*s", (int)op->run.detail.size,
                         (const char *)blob_slice_data(op->run.detail));
                break;
        case STORE_PURGE:
        case STORE_PUT_CANCEL:
        case STORE_PUT_START:
                note.task_id = op->mark.task_id;
                note.run_id = op->mark.run_id;
                note.attempt = op->mark.attempt;
                note.code = op->mark.signal;
                break;
        case STORE_PUT_CLIENT:
                note.client = op->client;
                blob_slice_ref(op->client.answers);
                break;
        case STORE_DROP_CLIENT:
                note.client = op->client;
                break;
        }
        NOTE(w->writes, note);
        store_op_done(op);
}

static void on_sync(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n) {
        World *w = userdata;
        cr_assert_eq(epoch, w->epoch);
        Said note = {.serial = serial, .n = n};
        NOTE(w->syncs, note);
}

static void on_push(void *userdata, uint64_t serial, uint32_t epoch, uint64_t n,
                    const CoreRun *run) {
        World *w = userdata;
        Pushed note = {.serial = serial,
                       .n = n,
                       .task_id = run->task_id,
                       .run_id = run->run_id,
                       .attempt = run->attempt,
                       .policy = *run->policy};
        cr_assert_eq(epoch, w->epoch);
        cr_assert_eq(RUN_ID_EPOCH(run->run_id), w->epoch);
        snprintf(note.queue, sizeof note.queue, "%s", run->queue);
        NOTE(w->pushes, note);
}

static void on_ack(void *userdata, uint64_t serial, run_id_t run_id) {
        World *w = userdata;
        Said note = {.serial = serial, .run_id = run_id};
        NOTE(w->acks, note);
}

static void on_stop_run(void *userdata, uint64_t serial, run_id_t run_id, StopWhy why, int signal) {
        World *w = userdata;
        Said note = {.serial = serial, .run_id = run_id, .why = why, .signal = signal};
        NOTE(w->stops, note);
}

static size_t copy_numbers(uint64_t to[16], WireNumbers from) {
        for (size_t i = 0; i < from.count && i < 16; i++)
                to[i] = from.items[i];
        return from.count;
}

static void on_reply(void *userdata, const CoreOrigin *to, WireType type, const void *body) {
        World *w = userdata;
        Reply note = {.to = *to, .type = type};
        if (type == WIRE_TYPE_SUBMITTED) {
                const WireSubmitted *b = body;
                note.first_id = b->first_id;
                note.count = b->count;
        } else if (type == WIRE_TYPE_ERROR) {
                const WireError *b = body;
                note.code = b->code;
                snprintf(note.text, sizeof note.text, "%.*s", (int)b->text.size, b->text.data);
        } else if (type == WIRE_TYPE_CANCELLED) {
                const WireCancelled *b = body;
                note.first_id = b->cancelled;
                note.count = b->ended;
                note.unknown_count = copy_numbers(note.unknown, b->unknown);
                note.denied_count = copy_numbers(note.denied, b->denied);
        } else if (type == WIRE_TYPE_PURGED) {
                const WirePurged *b = body;
                note.first_id = b->purged;
                note.count = b->unended.count;
                note.unknown_count = copy_numbers(note.unknown, b->unknown);
                note.denied_count = copy_numbers(note.denied, b->denied);
        } else if (type == WIRE_TYPE_ENDED) {
                const WireEnded *b = body;
                for (size_t i = 0; i < b->ends.count && i < 16; i++)
                        note.ends[i] = b->ends.items[i];
                note.end_count = b->ends.count;
                note.unknown_count = copy_numbers(note.unknown, b->unknown);
                note.more = b->more;
        }
        NOTE(w->replies, note);
}

static void on_publish(void *userdata, const CoreEvent *event) {
        World *w = userdata;
        cr_assert_eq(event->seq, w->events.count + 1);
        NOTE(w->events, *event);
}

static void on_forget(void *userdata, uint64_t task_id) {
        World *w = userdata;
        w->forgotten++;
}

static void on_spawn(void *userdata, const char *pool) {
        World *w = userdata;
        w->spawns++;
}

static void on_find_ends(void *userdata, uint64_t wait, uint64_t first, uint64_t count) {
        World *w = userdata;
        w->lookups++;
        w->lookup_wait = wait;
}

static void on_retire(void *userdata, uint64_t serial) {
        World *w = userdata;
        Said note = {.serial = serial};
        NOTE(w->retires, note);
}

static void on_kill_worker(void *userdata, uint64_t serial, const char *why) {
        World *w = userdata;
        Said note = {.serial = serial};
        NOTE(w->kills, note);
}

static const CorePorts ports = {
        .persist = on_persist,
        .sync = on_sync,
        .push = on_push,
        .ack = on_ack,
        .stop_run = on_stop_run,
        .reply = on_reply,
        .publish = on_publish,
        .forget = on_forget,
        .spawn = on_spawn,
        .find_ends = on_find_ends,
        .retire = on_retire,
        .kill_worker = on_kill_worker,
};

/* ---- the world ---- */

static const uint8_t store_id[WIRE_UUID] = "store of a test";

static void configure_default(World *w, const WorldOptions *o) {
        static const char *const names[] = {"q", "r"};
        size_t queues = o->two_queues ? 2 : 1;
        CoreQueueConfig queue[] = {{.name = "q", .max_waiting = o->max_waiting},
                                   {.name = "r", .max_waiting = o->max_waiting}};
        CorePoolConfig pool = {.name = "p",
                               .handler = "command",
                               .queues = names,
                               .queue_count = queues,
                               .kind = o->messages ? TASK_KIND_MESSAGE : TASK_KIND_COMMAND,
                               .workers = w->workers,
                               .slots = w->slots,
                               .credit = w->credit};
        configure(w,
                  &(CoreConfig){
                          .queues = queue, .queue_count = queues, .pools = &pool, .pool_count = 1});
}

World *world_new(const WorldOptions *o) {
        World *w = calloc(1, sizeof *w);
        cr_assert(w);
        w->epoch = o->epoch ? o->epoch : 5;
        w->workers = o->wanted ? o->wanted : o->workers;
        w->slots = o->slots ? o->slots : 1;
        w->credit = o->credit ? o->credit : w->slots;
        w->next_serial = 1;
        w->now = (CoreTime){
                .monotonic_usec = o->monotonic_usec ? o->monotonic_usec : 1000 * USEC_PER_SEC,
                .realtime_usec = o->realtime_usec ? o->realtime_usec : 1700000000 * USEC_PER_SEC};
        CoreSetup setup = {.ports = &ports,
                           .userdata = w,
                           .epoch = w->epoch,
                           .next_task_id = o->next_task_id ? o->next_task_id : 1,
                           .owner_uid = 1000,
                           .clients_max = o->clients_max,
                           .seed = 42};
        memcpy(setup.store_id, store_id, sizeof setup.store_id);
        cr_assert_eq(core_new(&setup, w->now, &w->core), 0);
        core_begin_turn(w->core, w->now);
        configure_default(w, o);
        if (o->takeover)
                return w;
        core_roster_end(w->core);
        turn(w);
        for (uint32_t i = 0; i < o->workers; i++)
                worker_start(w);
        return w;
}

void world_free(World *w) {
        core_check(w->core);
        core_free(w->core);
        for (size_t i = 0; i < w->writes.count; i++)
                blob_slice_drop(&w->writes.items[i].client.answers);
        free(w->pushes.items);
        free(w->syncs.items);
        free(w->acks.items);
        free(w->stops.items);
        free(w->retires.items);
        free(w->kills.items);
        free(w->replies.items);
        free(w->writes.items);
        free(w->events.items);
        free(w);
}

static void begin(World *w) {
        core_begin_turn(w->core, w->now);
}

static void finish(World *w) {
        uint64_t ticket = core_finish_turn(w->core);
        core_check(w->core);
        if (ticket) {
                cr_assert_eq(ticket, w->ticket + 1);
                w->ticket = ticket;
        }
}

void turn(World *w) {
        finish(w);
        while (!w->hold_commits && w->done < w->ticket)
                commit(w, 0);
}

void pass(World *w, usec_t usec) {
        w->now.monotonic_usec += usec;
        w->now.realtime_usec += usec;
        begin(w);
        turn(w);
}

static void commit_to(World *w, uint64_t last, int error) {
        uint64_t first = w->done + 1;
        cr_assert_leq(first, last, "nothing is being written");
        w->done = last;
        begin(w);
        core_committed(w->core, first, last, error);
        finish(w);
}

void commit(World *w, int error) {
        commit_to(w, w->ticket, error);
}

void commit_ticket(World *w, int error) {
        commit_to(w, w->done + 1, error);
}

void configure(World *w, const CoreConfig *config) {
        begin(w);
        cr_assert_eq(core_configure(w->core, config), 0);
}

/* ---- clients ---- */

CoreOrigin origin_of(uint64_t request_id, uint8_t route) {
        CoreOrigin o = {.request_id = request_id, .route_size = 1};
        o.route[0] = route;
        return o;
}

static CoreRequest request_of(World *w, uint8_t client, uint8_t route, uint64_t seq, uint64_t held,
                              uint32_t uid) {
        CoreRequest r = {.seq = seq ? seq : ++w->seq, .held = held, .uid = uid ? uid : 1000};
        if (client > 0)
                r.client.bytes[0] = client;
        else
                r.client.bytes[0] = 1;
        r.origin = origin_of(r.seq, route ? route : 1);
        return r;
}

uint64_t submit_with(World *w, const Submit *s) {
        size_t n = s->count ? s->count : 1, replies = w->replies.count;
        CoreRequest request = request_of(w, s->client, s->route, s->seq, s->held, s->uid);
        TaskRecord *tasks = calloc(n, sizeof *tasks);
        uint64_t *delays = calloc(n, sizeof *delays);
        cr_assert(tasks && delays);
        Blob *payload = blob_new_copy("payload", 7);
        for (size_t i = 0; i < n; i++) {
                tasks[i].policy = (TaskPolicy){.kind = s->kind ? s->kind : TASK_KIND_COMMAND,
                                               .priority = s->priority,
                                               .retries = s->retries,
                                               .backoff_min_msec = s->backoff_min_msec,
                                               .backoff_max_msec = s->backoff_max_msec,
                                               .at_most_once = s->at_most_once,
                                               .grace_msec = s->grace_msec};
                snprintf(tasks[i].queue, sizeof tasks[i].queue, "%s", s->queue ? s->queue : "q");
                tasks[i].payload = blob_slice(payload, 0, 7);
                delays[i] = s->delay_usec;
        }
        blob_unref(payload);
        begin(w);
        core_submit(w->core, &request, tasks, delays, n,
                    s->wait ? CORE_SUBMIT_AND_WAIT : CORE_SUBMIT_ONLY);
        free(tasks);
        free(delays);
        turn(w);
        for (size_t i = replies; i < w->replies.count; i++)
                if (w->replies.items[i].type == WIRE_TYPE_SUBMITTED)
                        return w->replies.items[i].first_id;
        return 0;
}

static size_t numbers_in(const uint64_t items[8]) {
        size_t n = 0;
        while (n < 8 && items[n])
                n++;
        return n;
}

void cancel_with(World *w, const Cancel *s) {
        CoreRequest request = request_of(w, s->client, s->route, s->seq, 0, s->uid);
        begin(w);
        core_cancel(w->core, &request, s->ids, numbers_in(s->ids), s->unknown,
                    numbers_in(s->unknown), s->signal);
        turn(w);
}

void purge_with(World *w, const Purge *s) {
        CoreRequest request = request_of(w, s->client, s->route, s->seq, 0, s->uid);
        begin(w);
        core_purge(w->core, &request, s->ids, s->found, numbers_in(s->ids));
        turn(w);
}

/* ---- workers ---- */

void worker_is_up(World *w, uint64_t serial) {
        begin(w);
        cr_assert_eq(core_worker_up(w->core, serial, "p", CORE_WORKER_CURRENT), 0);
        turn(w);
}

uint64_t worker_start(World *w) {
        uint64_t serial = w->next_serial++;
        worker_is_up(w, serial);
        hello(w, serial);
        return serial;
}

void hello_with(World *w, uint64_t serial, const Hello *h) {
        static const uint8_t other[WIRE_UUID] = "of another one";
        size_t running = numbers_in(h->running), unacked = numbers_in(h->unacked);
        WireHello body = {
                .serial = serial,
                .epoch = h->epoch ? h->epoch : w->epoch,
                .n = h->n ? h->n : last_sync(w, serial),
                .store = wire_bytes(h->other_store ? other : store_id, WIRE_UUID),
                .running = {h->running, running},
                .running_tasks = {h->running_tasks, running},
                .unacked = {h->unacked, unacked},
                .unacked_tasks = {h->unacked_tasks, unacked},
        };
        begin(w);
        core_on_hello(w->core, &body);
        turn(w);
}

void end_with(World *w, uint64_t serial, run_id_t run_id, const End *e) {
        RunRecord run = {.run_id = run_id,
                         .task_id = e->task_id,
                         .state = (uint8_t)(e->state ? e->state : TASK_SUCCEEDED),
                         .reason = (uint8_t)e->reason,
                         .code = e->code,
                         .started_usec = e->never_started ? 0 : w->now.realtime_usec,
                         .ended_usec = w->now.realtime_usec + e->took_usec};
        for (size_t i = 0; i < w->pushes.count && !run.task_id; i++)
                if (w->pushes.items[i].run_id == run_id)
                        run.task_id = w->pushes.items[i].task_id;
        Blob *out = blob_new_copy("output", 6);
        run.out = blob_slice(out, 0, 6);
        blob_unref(out);
        begin(w);
        core_on_end(w->core, serial, &run);
        turn(w);
}

void started(World *w, uint64_t serial, run_id_t run_id) {
        begin(w);
        core_on_started(w->core, serial, run_id, w->now.realtime_usec);
        turn(w);
}

void exited(World *w, uint64_t serial) {
        begin(w);
        core_worker_exited(w->core, serial, "killed by signal 9");
        turn(w);
}

/* ---- looking ---- */

const Pushed *last_push(const World *w) {
        cr_assert(w->pushes.count > 0, "nothing was pushed");
        return &w->pushes.items[w->pushes.count - 1];
}

const Reply *last_reply(const World *w) {
        cr_assert(w->replies.count > 0, "nothing was replied");
        return &w->replies.items[w->replies.count - 1];
}

uint64_t last_sync(const World *w, uint64_t serial) {
        for (size_t i = w->syncs.count; i > 0; i--)
                if (w->syncs.items[i - 1].serial == serial)
                        return w->syncs.items[i - 1].n;
        return 0;
}

size_t writes_of(const World *w, StoreOpKind kind) {
        size_t n = 0;
        for (size_t i = 0; i < w->writes.count; i++)
                n += w->writes.items[i].kind == kind;
        return n;
}

const Written *last_write(const World *w, StoreOpKind kind) {
        for (size_t i = w->writes.count; i > 0; i--)
                if (w->writes.items[i - 1].kind == kind)
                        return &w->writes.items[i - 1];
        return NULL;
}

TaskState state_of(const World *w, uint64_t id) {
        CoreTaskView v;
        return core_task_view(w->core, id, &v) < 0 ? 0 : v.state;
}

CoreQueueView queue_view(const World *w, const char *name) {
        CoreQueueView v;
        for (size_t i = 0; core_queue_view(w->core, i, &v); i++)
                if (strcmp(v.name, name) == 0)
                        return v;
        return (CoreQueueView){0};
}

CorePoolView pool_view(const World *w, const char *name) {
        CorePoolView v;
        for (size_t i = 0; core_pool_view(w->core, i, &v); i++)
                if (strcmp(v.name, name) == 0)
                        return v;
        return (CorePoolView){0};
}

size_t events_of(const World *w, TaskState state) {
        size_t n = 0;
        for (size_t i = 0; i < w->events.count; i++)
                n += w->events.items[i].state == state;
        return n;
}
