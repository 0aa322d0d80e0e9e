/* The worker's two sockets towards the dispatcher: PULL on the inherited listening socket
 * RUN/w/SERIAL.sock, PUB to RUN/results.sock. Decodes and checks what comes in, encodes and splits
 * what goes out; knows no state of any run. */
#pragma once

#include "common/blob.h"
#include "common/wire.h"

#include <systemd/sd-event.h>

typedef struct Link Link;

/* What came in; everything is valid only during the call. Slices: take a reference to keep one. */
typedef struct LinkHandlers {
        void (*on_sync)(void *userdata, const WireSync *sync);
        void (*on_run)(void *userdata, uint64_t epoch, uint64_t n, const WireRunItem *item,
                       BlobSlice environment, BlobSlice payload);
        void (*on_ack)(void *userdata, uint64_t run_id);
        void (*on_stop)(void *userdata, const WireStop *stop);
        void (*on_spill)(void *userdata, uint64_t run_id);
        void (*on_signal)(void *userdata, const WireSignalRun *signal);
} LinkHandlers;

/* One end with its bytes; item's sizes are filled in from the slices when they are sent (out_kept
 * and err_kept only for streams that are in no file). item.detail points to memory that outlives
 * this. */
typedef struct LinkEnd {
        WireEndItem item;
        BlobSlice out, err, result;
} LinkEnd;

/* listen_fd stays the caller's. handlers: static. */
int link_new(sd_event *event, uint64_t serial, const char *run_dir, int listen_fd,
             const LinkHandlers *handlers, void *userdata, Link **ret);
Link *link_free(Link *l); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Link *, link_free)

/* Sending never blocks and meets no full queue; 0, -ENOMEM, or what ZeroMQ says. What does not
 * arrive is healed by SYNC; a worker that cannot send is of no use and should leave. */
int link_send_hello(Link *l, const WireHello *hello);
int link_send_started(Link *l, const WireStartedItem *items, size_t n); /* n <= WIRE_RUNS_MAX */
int link_send_progress(Link *l, const WireProgressItem *item);

/* Adds an end to the END that is being filled; sends that first when the bounds of a message are
 * reached. */
int link_add_end(Link *l, const LinkEnd *end);
int link_flush_ends(Link *l);
