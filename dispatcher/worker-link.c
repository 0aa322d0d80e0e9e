/* See worker-link.h. */
#include "dispatcher/worker-link.h"

#include "common/log.h"
#include "common/table.h"
#include "common/zsource.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <zmq.h>

/* An ack alone is worth no wakeup of a worker that executes something: it goes with the next run,
 * with so many others, or when so much time has passed. */
#define ACKS_WORTH_SENDING 64
#define ACK_DELAY_USEC     (20 * USEC_PER_MSEC)
#define PUSH_HWM           4096 /* messages; far above what credit and retries can fill */
#define RUN_PAYLOAD_MAX    (WIRE_MESSAGE_MAX - WIRE_HEADER_MAX)

/* One worker: its socket and what this turn has for it. */
typedef struct Peer {
        uint64_t serial;
        void *push;
        struct Peer *next_dirty;
        bool dirty;
        /* RUN being filled: all of one (epoch, n). */
        uint32_t epoch;
        uint64_t n;
        WireRunItem *runs;
        size_t run_count;
        char *payload;
        size_t payload_size, payload_alloc;
        /* ACK being filled. */
        uint64_t *acks;
        size_t ack_count;
} Peer;

struct WorkerLink {
        void *context, *results;
        ZSource *source;
        char run_dir[PATH_MAX];
        Table peers; /* serial -> Peer */
        Peer *dirty;
        sd_event_source *ack_timer;
        bool ack_timer_set;
        WireBuffer buffer;
        WireReader *reader;
        const WorkerLinkHandlers *handlers;
        void *userdata;
        WorkerLinkCounters counters;
};

static void peer_free(Peer *p) {
        zsocket_free(p->push);
        free(p->runs);
        free(p->payload);
        free(p->acks);
        free(p);
}
DEFINE_CLEANUP(Peer *, peer_free)

static void peer_mark_dirty(WorkerLink *l, Peer *p) {
        if (p->dirty)
                return;
        p->dirty = true;
        p->next_dirty = l->dirty;
        l->dirty = p;
}

/* ---- from workers ---- */

/* The next size bytes of the payload frame; false if there are not as many. */
static bool slice_next(Blob *payload, size_t *offset, uint64_t size, BlobSlice *ret) {
        if (size > (payload ? blob_size(payload) : 0) - *offset)
                return false;
        *ret = size ? blob_slice(payload, *offset, (size_t)size) : (BlobSlice){0};
        *offset += (size_t)size;
        return true;
}

static void run_record_drop(RunRecord *r) {
        blob_slice_drop(&r->out);
        blob_slice_drop(&r->err);
        blob_slice_drop(&r->result);
        blob_slice_drop(&r->detail);
}

static bool end_item_valid(const WireEndItem *item) {
        return item->state >= TASK_READY && item->state <= TASK_CANCELLED &&
               item->state != TASK_RUNNING && item->reason <= REASON_MAX;
}

/* Builds the record of one end; false if the sizes do not fit the payload. */
static bool run_record_fill(RunRecord *r, const WireEndItem *item, Blob *payload, size_t *offset) {
        *r = (RunRecord){
                .task_id = item->task_id,
                .run_id = item->run_id,
                .state = (uint8_t)item->state,
                .reason = (uint8_t)item->reason,
                .code = item->code,
                .started_usec = item->started_usec,
                .ended_usec = item->started_usec + item->wall_usec,
                .user_usec = item->user_usec,
                .system_usec = item->system_usec,
                .max_rss_bytes = item->max_rss_bytes,
                .out_total = item->out_total,
                .err_total = item->err_total,
                .out_kept = item->out_kept,
                .err_kept = item->err_kept,
                .files = (uint8_t)item->files,
        };
        uint64_t out = item->files & WIRE_FILE_OUT ? 0 : item->out_kept;
        uint64_t err = item->files & WIRE_FILE_ERR ? 0 : item->err_kept;
        if (!end_item_valid(item) || !slice_next(payload, offset, out, &r->out) ||
            !slice_next(payload, offset, err, &r->err) ||
            !slice_next(payload, offset, item->result_size, &r->result)) {
                run_record_drop(r);
                return false;
        }
        if (item->detail.size) {
                Blob *detail = blob_new_copy(item->detail.data, item->detail.size);
                if (detail)
                        r->detail = blob_slice(detail, 0, item->detail.size);
                blob_unref(detail);
        }
        return true;
}

static void on_end_message(WorkerLink *l, const WireEnd *end, ZFrame *frame) {
        Blob *payload = frame ? zframe_take(frame) : NULL;
        size_t offset = 0;
        for (size_t i = 0; i < end->runs.count; i++) {
                RunRecord run;
                if (!run_record_fill(&run, &end->runs.items[i], payload, &offset)) {
                        l->counters.malformed++;
                        log_warning("worker %" PRIu64
                                    " sent an END that does not fit its payload: ignored",
                                    end->serial);
                        break;
                }
                run.worker = end->serial;
                l->handlers->on_end(l->userdata, end->serial, &run);
        }
        blob_unref(payload);
}

static void on_result(ZSource *source, ZMessage *m, void *userdata) {
        WorkerLink *l = userdata;
        WireMessage message;
        int r = m->malformed || m->count < 1
                        ? -EBADMSG
                        : wire_decode(l->reader, m->frames[0].data, m->frames[0].size, &message);
        if (r < 0) {
                l->counters.malformed++;
                log_warning("a worker sent a frame that does not decode (%s): ignored",
                            strerror(-r));
                return;
        }
        if (message.type == WIRE_TYPE_END) {
                on_end_message(l, message.body, m->count > 1 ? &m->frames[1] : NULL);
        } else if (message.type == WIRE_TYPE_STARTED) {
                const WireStarted *started = message.body;
                for (size_t i = 0; i < started->runs.count; i++)
                        l->handlers->on_started(l->userdata, started->serial,
                                                &started->runs.items[i]);
        } else if (message.type == WIRE_TYPE_PROGRESS) {
                const WireProgress *progress = message.body;
                for (size_t i = 0; i < progress->runs.count; i++)
                        l->handlers->on_progress(l->userdata, progress->serial,
                                                 &progress->runs.items[i]);
        } else if (message.type == WIRE_TYPE_HELLO) {
                l->handlers->on_hello(l->userdata, message.body);
        } else {
                l->counters.malformed++;
        }
}

/* ---- to workers ---- */

static void peer_send(WorkerLink *l, Peer *p, WireType type, const void *body, BlobSlice payload) {
        int r = wire_encode(&l->buffer, type, 0, body);
        if (r == 0)
                r = zsocket_send(p->push, l->buffer.data, l->buffer.size, payload);
        if (r < 0)
                l->counters.unsent++;
        if (r < 0 && r != -EAGAIN)
                log_warning("cannot send to worker %" PRIu64 ": %s", p->serial, strerror(-r));
}

static void peer_flush_runs(WorkerLink *l, Peer *p) {
        if (!p->run_count)
                return;
        WireRun body = {.epoch = p->epoch, .n = p->n, .runs = {p->runs, p->run_count}};
        Blob *payload = p->payload_size ? blob_new_copy(p->payload, p->payload_size) : NULL;
        BlobSlice slice = payload ? blob_slice(payload, 0, p->payload_size) : (BlobSlice){0};
        if (payload || !p->payload_size)
                peer_send(l, p, WIRE_TYPE_RUN, &body, slice);
        blob_slice_drop(&slice);
        blob_unref(payload);
        p->run_count = p->payload_size = 0;
}

static void peer_flush_acks(WorkerLink *l, Peer *p) {
        if (!p->ack_count)
                return;
        peer_send(l, p, WIRE_TYPE_ACK, &(WireAck){.runs = {p->acks, p->ack_count}}, (BlobSlice){0});
        p->ack_count = 0;
}

static void peer_flush(WorkerLink *l, Peer *p) {
        peer_flush_acks(l, p);
        peer_flush_runs(l, p);
}

/* Makes room for size more payload bytes; false: no memory. */
static bool peer_reserve(Peer *p, size_t size) {
        if (!p->runs)
                p->runs = calloc(WIRE_RUNS_MAX, sizeof *p->runs);
        if (!p->runs)
                return false;
        if (p->payload_size + size <= p->payload_alloc)
                return true;
        size_t alloc = MAX_OF(p->payload_alloc * 2, MAX_OF(p->payload_size + size, (size_t)4096));
        char *grown = realloc(p->payload, alloc);
        if (!grown)
                return false;
        p->payload = grown;
        p->payload_alloc = alloc;
        return true;
}

static void peer_append(Peer *p, BlobSlice s) {
        if (s.size) /* there may be no room yet when there is nothing to put into it */
                memcpy(p->payload + p->payload_size, blob_slice_data(s), s.size);
        p->payload_size += s.size;
}

void worker_link_run(WorkerLink *l, uint64_t serial, uint32_t epoch, uint64_t n, const CoreRun *run,
                     BlobSlice environment, BlobSlice payload) {
        Peer *p = table_get(&l->peers, serial);
        size_t size = (size_t)environment.size + payload.size;
        if (!p)
                return;
        if (p->run_count && (p->run_count == WIRE_RUNS_MAX || p->epoch != epoch || p->n != n ||
                             p->payload_size + size > RUN_PAYLOAD_MAX))
                peer_flush_runs(l, p);
        if (!peer_reserve(p, size)) {
                l->counters.unsent++; /* the dispatcher's no-show rule gives it out again */
                return;
        }
        p->epoch = epoch;
        p->n = n;
        p->runs[p->run_count++] = (WireRunItem){
                .run_id = run->run_id,
                .task_id = run->task_id,
                .attempt = run->attempt,
                .kind = run->policy->kind,
                .queue = wire_text(run->queue),
                .timeout_usec = run->policy->timeout_usec,
                .grace_usec = run->policy->grace_msec * USEC_PER_MSEC,
                .environment_size = environment.size,
                .payload_size = payload.size,
        };
        peer_append(p, environment);
        peer_append(p, payload);
        peer_mark_dirty(l, p);
}

void worker_link_ack(WorkerLink *l, uint64_t serial, run_id_t run_id) {
        Peer *p = table_get(&l->peers, serial);
        if (!p)
                return;
        if (!p->acks)
                p->acks = calloc(WIRE_RUNS_MAX, sizeof *p->acks);
        if (!p->acks)
                return; /* the worker offers the end again at the next SYNC */
        if (p->ack_count == WIRE_RUNS_MAX)
                peer_flush_acks(l, p);
        p->acks[p->ack_count++] = run_id;
        peer_mark_dirty(l, p);
}

void worker_link_flush(WorkerLink *l) {
        while (l->dirty) {
                Peer *p = l->dirty;
                l->dirty = p->next_dirty;
                p->dirty = false;
                peer_flush(l, p);
        }
}

static int on_ack_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        WorkerLink *l = userdata;
        l->ack_timer_set = false;
        worker_link_flush(l);
        return 0;
}

static void ack_timer_arm(WorkerLink *l) {
        if (l->ack_timer_set)
                return;
        l->ack_timer_set = sd_event_source_set_time_relative(l->ack_timer, ACK_DELAY_USEC) >= 0 &&
                           sd_event_source_set_enabled(l->ack_timer, SD_EVENT_ONESHOT) >= 0;
}

void worker_link_end_turn(WorkerLink *l) {
        Peer *todo = take_ptr(l->dirty);
        while (todo) {
                Peer *p = todo;
                todo = p->next_dirty;
                p->dirty = false;
                if (p->run_count || p->ack_count >= ACKS_WORTH_SENDING)
                        peer_flush(l, p);
                else if (p->ack_count)
                        peer_mark_dirty(l, p);
        }
        if (l->dirty)
                ack_timer_arm(l);
}

/* Sends at once, behind what this turn has already collected for the worker. */
static void send_now(WorkerLink *l, uint64_t serial, WireType type, const void *body) {
        Peer *p = table_get(&l->peers, serial);
        if (!p)
                return;
        peer_flush(l, p);
        peer_send(l, p, type, body, (BlobSlice){0});
}

void worker_link_sync(WorkerLink *l, uint64_t serial, uint32_t epoch, uint64_t n,
                      const uint8_t store_id[WIRE_UUID]) {
        send_now(l, serial, WIRE_TYPE_SYNC,
                 &(WireSync){.epoch = epoch, .n = n, .store = wire_bytes(store_id, WIRE_UUID)});
}

void worker_link_stop(WorkerLink *l, uint64_t serial, run_id_t run_id, StopWhy why, int signal) {
        send_now(l, serial, WIRE_TYPE_STOP,
                 &(WireStop){.run_id = run_id, .why = why, .signal = (uint64_t)signal});
}

void worker_link_signal(WorkerLink *l, uint64_t serial, run_id_t run_id, int signal) {
        send_now(l, serial, WIRE_TYPE_SIGNAL_RUN,
                 &(WireSignalRun){.run_id = run_id, .signal = (uint64_t)signal});
}

void worker_link_spill(WorkerLink *l, uint64_t serial, run_id_t run_id) {
        send_now(l, serial, WIRE_TYPE_SPILL, &(WireSpill){.run_id = run_id});
}

/* ---- life ---- */

int worker_link_new(sd_event *event, void *context, int results_fd, const char *run_dir,
                    int64_t priority, const WorkerLinkHandlers *handlers, void *userdata,
                    WorkerLink **ret) {
        _cleanup_(worker_link_freep) WorkerLink *l = calloc(1, sizeof *l);
        char path[PATH_MAX + 16];
        if (!l)
                return -ENOMEM;
        *l = (WorkerLink){.context = context, .handlers = handlers, .userdata = userdata};
        snprintf(l->run_dir, sizeof l->run_dir, "%s", run_dir);
        snprintf(path, sizeof path, "%s/results.sock", run_dir);
        int r = wire_reader_new(&l->reader);
        if (r == 0)
                r = zsocket_new(context, ZMQ_SUB, &(ZSocketOptions){0}, &l->results);
        if (r == 0)
                r = zsocket_subscribe(l->results, "", 0);
        if (r == 0)
                r = zsocket_bind_fd(l->results, results_fd, path);
        if (r == 0)
                r = zsource_new(event, l->results, priority, on_result, l, &l->source);
        if (r >= 0)
                r = sd_event_add_time(event, &l->ack_timer, CLOCK_MONOTONIC, USEC_INFINITY,
                                      ACK_DELAY_USEC / 2, on_ack_timer, l);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

WorkerLink *worker_link_free(WorkerLink *l) {
        if (!l)
                return NULL;
        uint64_t serial = 0;
        for (Peer *p; (p = table_first_from(&l->peers, &serial)); serial++)
                peer_free(p);
        table_done(&l->peers);
        sd_event_source_disable_unref(l->ack_timer);
        zsource_free(l->source);
        zsocket_free(l->results);
        wire_buffer_done(&l->buffer);
        wire_reader_free(l->reader);
        free(l);
        return NULL;
}

int worker_link_add(WorkerLink *l, uint64_t serial) {
        if (table_get(&l->peers, serial))
                return -EEXIST;
        _cleanup_(peer_freep) Peer *p = calloc(1, sizeof *p);
        char endpoint[PATH_MAX + 40];
        if (!p)
                return -ENOMEM;
        p->serial = serial;
        snprintf(endpoint, sizeof endpoint, "ipc://%s/w/%" PRIu64 ".sock", l->run_dir, serial);
        int r = zsocket_new(l->context, ZMQ_PUSH,
                            &(ZSocketOptions){.send_hwm = PUSH_HWM, .linger_msec = 1000}, &p->push);
        if (r == 0)
                r = zsocket_connect(p->push, endpoint);
        if (r == 0)
                r = table_put(&l->peers, serial, p);
        if (r < 0)
                return r;
        p = NULL;
        return 0;
}

void worker_link_remove(WorkerLink *l, uint64_t serial) {
        worker_link_flush(l);
        Peer *p = table_remove(&l->peers, serial);
        if (p)
                peer_free(p);
}

void worker_link_drain(WorkerLink *l) {
        while (zsource_drain(l->source, 1024) > 0)
                ;
}

void worker_link_set_reading(WorkerLink *l, bool reading) {
        zsource_set_enabled(l->source, reading);
}

void worker_link_counters(const WorkerLink *l, WorkerLinkCounters *ret) {
        *ret = l->counters;
}
