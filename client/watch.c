/* Watches: who wants to hear what of the event channel (channel.h). The channel is opened by the
 * first watch and closed by the last. A handler may free its own watch and others while events are
 * handed round: then they are only marked, and swept afterwards. */
#include "client/channel.h"
#include "client/client.h"

typedef struct Watches Watches;

struct StintWatch {
        StintWatch *next;
        Watches *all;
        StintEventHandler handler; /* NULL: freed */
        void *userdata;
        uint64_t states, epoch, seq; /* it hears what comes after (epoch, seq) */
        char queue[WIRE_NAME_MAX + 1];
};

struct Watches {
        StintClient *client;
        Channel *channel;
        StintWatch *first;
        bool telling;
};

static void watches_sweep(Watches *all) {
        for (StintWatch **at = &all->first; *at;) {
                StintWatch *w = *at;
                if (w->handler) {
                        at = &w->next;
                        continue;
                }
                *at = w->next;
                free(w);
        }
        if (!all->first)
                all->channel = channel_close(all->channel);
}

static bool watch_wants(const StintWatch *w, const StintEvent *e) {
        if (!w->handler)
                return false;
        if (e->missed)
                return true;
        if (e->epoch < w->epoch || (e->epoch == w->epoch && e->seq <= w->seq))
                return false;
        if (w->queue[0] && strcmp(w->queue, e->queue) != 0)
                return false;
        return !w->states || w->states & 1ull << e->state;
}

static void on_channel(void *userdata, const WireEvent *event, uint64_t missed) {
        Watches *all = userdata;
        char queue[WIRE_NAME_MAX + 1] = "";
        StintEvent e = {.queue = queue, .missed = missed};
        if (event) {
                memcpy(queue, event->queue.data, MIN_OF(event->queue.size, (size_t)WIRE_NAME_MAX));
                e.epoch = event->epoch;
                e.seq = event->seq;
                e.time_usec = event->time_usec;
                e.id = event->id;
                e.state = (StintState)event->state;
                e.reason = (StintReason)event->reason;
                e.code = event->code;
                e.attempt = (unsigned)event->attempt;
        }
        all->client->handling++;
        all->telling = true;
        for (StintWatch *w = all->first; w; w = w->next)
                if (watch_wants(w, &e))
                        w->handler(w, &e, w->userdata);
        all->telling = false;
        all->client->handling--;
        watches_sweep(all);
}

/* Asks where the channel is now, and opens it there if it is not open. */
static int watch_start(StintWatch *w) {
        StintClient *c = w->all->client;
        SessionAnswer answer;
        Error error = {0};
        int r = client_call(c, WIRE_TYPE_EVENTS, &(WireEvents){0}, (BlobSlice){0},
                            WIRE_TYPE_EVENTS_DATA, &answer);
        if (r < 0)
                return r;
        const WireEventsData *now = answer.body;
        w->epoch = now->epoch;
        w->seq = now->seq;
        if (!w->all->channel)
                r = channel_open(client_session(c), now->epoch, now->seq, on_channel, w->all,
                                 &error, &w->all->channel);
        return r < 0 ? client_fail(c, -r, "%s", error.text) : 0;
}

static void watches_free(StintClient *c) {
        Watches *all = c->watches;
        for (StintWatch *w = all->first; w; w = w->next)
                w->handler = NULL;
        watches_sweep(all);
        free(all);
        c->watches = NULL;
}

/* Those of the client, made when there are none; NULL: out of memory. */
static Watches *watches_of(StintClient *c) {
        Watches *all = c->watches ? c->watches : calloc(1, sizeof *all);
        if (all) {
                all->client = c;
                c->watches = all;
                c->watches_free = watches_free;
        }
        return all;
}

StintWatch *stint_watch_new(StintClient *client, const char *queue, uint64_t states,
                            StintEventHandler handler, void *userdata) {
        if (queue && strlen(queue) > WIRE_NAME_MAX) {
                client_fail(client, STINT_INVALID,
                            "cannot watch: the name of a queue has at most 64 bytes");
                return NULL;
        }
        Watches *all = watches_of(client);
        StintWatch *w = all ? calloc(1, sizeof *w) : NULL;
        if (!w) {
                client_fail(client, STINT_FAILED, "out of memory");
                return NULL;
        }
        *w = (StintWatch){.all = all, .handler = handler, .userdata = userdata, .states = states};
        if (queue)
                memcpy(w->queue, queue, strlen(queue));
        if (watch_start(w) < 0) {
                free(w);
                return NULL;
        }
        w->next = all->first;
        all->first = w;
        return w;
}

StintWatch *stint_watch_free(StintWatch *watch) {
        if (!watch)
                return NULL;
        Watches *all = watch->all;
        watch->handler = NULL;
        if (!all->telling)
                watches_sweep(all);
        return NULL;
}
