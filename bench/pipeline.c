/* The physical limit beside message tasks: raw ZeroMQ in stint's shape, without any logic,
 * durability or encoding. A client (DEALER) sends messages to a dispatcher (ROUTER), which passes
 * each on to one of its workers (one PUSH each), which publish it back (PUB to SUB), and the
 * dispatcher answers the client. Five hops over ipc, a process for each part. Prints one JSON
 * object.
 *
 * Usage: pipeline [-n MESSAGES] [-w WINDOW] [-k WORKERS] [-b BYTES] */
#include "common/macro.h"
#include "common/text.h"
#include "common/time.h"
#include "common/zsocket.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define WORKERS_MAX   64
#define PATIENCE_MSEC 20000

typedef struct Setup {
        uint64_t messages, window, workers, bytes;
        char directory[64];
} Setup;

static char *endpoint(const Setup *s, const char *name, uint64_t n, char *buf, size_t size) {
        snprintf(buf, size, "ipc://%s/%s%llu.sock", s->directory, name, (unsigned long long)n);
        return buf;
}

static void *socket_open(void *context, int type) {
        void *socket = NULL;
        if (zsocket_new(context, type, &(ZSocketOptions){.linger_msec = 1000}, &socket) < 0)
                _exit(1);
        return socket;
}

static int check(int r) {
        if (r < 0)
                _exit(1);
        return r;
}

_Noreturn static void worker_run(const Setup *s, uint64_t number) {
        char url[128];
        void *context;
        check(zcontext_new(&context));
        void *pull = socket_open(context, ZMQ_PULL), *pub = socket_open(context, ZMQ_XPUB);
        check(zsocket_bind(pull, endpoint(s, "w", number, url, sizeof url)));
        check(zsocket_connect(pub, endpoint(s, "results", 0, url, sizeof url)));
        check(zmq_recv(pub, url, sizeof url,
                       0)); /* the subscription: from here on nothing is lost */
        for (zmq_msg_t m;;) {
                zmq_msg_init(&m);
                check(zmq_msg_recv(&m, pull, 0));
                check(zmq_msg_send(&m, pub, 0));
        }
}

/* Passes a request on, its sender's name behind it in the same frame so that no state is kept. */
static void request_pass(void *router, void *push) {
        zmq_msg_t route, body;
        zmq_msg_init(&route);
        zmq_msg_init(&body);
        check(zmq_msg_recv(&route, router, 0));
        check(zmq_msg_recv(&body, router, 0));
        zmq_msg_close(&route);
        check(zmq_msg_send(&body, push, 0));
}

_Noreturn static void dispatcher_run(const Setup *s) {
        char url[128];
        void *context, *push[WORKERS_MAX];
        check(zcontext_new(&context));
        void *router = socket_open(context, ZMQ_ROUTER), *sub = socket_open(context, ZMQ_SUB);
        check(zsocket_bind(router, endpoint(s, "control", 0, url, sizeof url)));
        check(zsocket_bind(sub, endpoint(s, "results", 0, url, sizeof url)));
        check(zsocket_subscribe(sub, "", 0));
        for (uint64_t i = 0; i < s->workers; i++) {
                push[i] = socket_open(context, ZMQ_PUSH);
                check(zsocket_connect(push[i], endpoint(s, "w", i, url, sizeof url)));
        }
        zmq_pollitem_t items[] = {{.socket = router, .events = ZMQ_POLLIN},
                                  {.socket = sub, .events = ZMQ_POLLIN}};
        for (uint64_t next = 0;;) {
                check(zmq_poll(items, 2, -1));
                for (int i = 0; i < 64 && items[0].revents; i++, next++) {
                        request_pass(router, push[next % s->workers]);
                        items[0].revents = (short)(zmq_poll(items, 1, 0) > 0);
                }
                zmq_msg_t result;
                zmq_msg_init(&result);
                while (zmq_msg_recv(&result, sub, ZMQ_DONTWAIT) >= 0) {
                        check((int)zmq_send_const(router, "client", 6, ZMQ_SNDMORE));
                        check(zmq_msg_send(&result, router, 0));
                        zmq_msg_init(&result);
                }
        }
}

static int usec_compare(const void *a, const void *b) {
        const usec_t x = *(const usec_t *)a, y = *(const usec_t *)b;
        return x < y ? -1 : x > y;
}

/* One message carries when it was sent; returns its round trip. */
static void message_send(void *dealer, char *payload, size_t size) {
        usec_t now = time_now_monotonic();
        memcpy(payload, &now, sizeof now);
        check(zmq_send(dealer, payload, size, 0));
}

/* The client: a window of messages outstanding, all latencies kept. */
static double client_run(const Setup *s, usec_t *latencies) {
        char url[128], payload[4096] = {0};
        void *context, *dealer;
        usec_t start = 0;
        uint64_t sent = 0, warm = s->window;
        check(zcontext_new(&context));
        check(zsocket_new(context, ZMQ_DEALER,
                          &(ZSocketOptions){.routing_id = "client", .routing_id_size = 6},
                          &dealer));
        check(zsocket_connect(dealer, endpoint(s, "control", 0, url, sizeof url)));
        int patience = PATIENCE_MSEC;
        check(zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &patience, sizeof patience));
        for (; sent < s->window; sent++)
                message_send(dealer, payload, s->bytes);
        for (uint64_t received = 0; received < s->messages + warm; received++) {
                usec_t then;
                check(zmq_recv(dealer, payload, sizeof payload, 0));
                memcpy(&then, payload, sizeof then);
                if (received == warm)
                        start = time_now_monotonic();
                if (received >= warm)
                        latencies[received - warm] = time_now_monotonic() - then;
                if (sent < s->messages + warm) {
                        message_send(dealer, payload, s->bytes);
                        sent++;
                }
        }
        double seconds = (double)(time_now_monotonic() - start) / 1e6;
        zsocket_free(dealer);
        zcontext_free(context);
        return seconds;
}

static pid_t part_start(const Setup *s, uint64_t number) {
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (number < s->workers)
                worker_run(s, number);
        dispatcher_run(s);
}

static bool setup_parse(int argc, char **argv, Setup *s) {
        for (int c; (c = getopt(argc, argv, "n:w:k:b:")) >= 0;) {
                uint64_t *value = c == 'n'   ? &s->messages
                                  : c == 'w' ? &s->window
                                  : c == 'k' ? &s->workers
                                  : c == 'b' ? &s->bytes
                                             : NULL;
                if (!value || u64_parse(optarg, value) < 0)
                        return false;
        }
        return s->messages && s->window && s->workers && s->workers <= WORKERS_MAX &&
               s->bytes >= sizeof(usec_t) && s->bytes <= 4096;
}

int main(int argc, char **argv) {
        Setup s = {.messages = 500000,
                   .window = 1000,
                   .workers = 2,
                   .bytes = 64,
                   .directory = "/tmp/stint-pipeline-XXXXXX"};
        pid_t parts[WORKERS_MAX + 1];
        if (!setup_parse(argc, argv, &s) || !mkdtemp(s.directory)) {
                fprintf(stderr,
                        "usage: pipeline [-n MESSAGES] [-w WINDOW] [-k WORKERS] [-b BYTES]\n");
                return 64;
        }
        _cleanup_(freep) usec_t *latencies = calloc(s.messages, sizeof *latencies);
        if (!latencies)
                return 1;
        for (uint64_t i = 0; i <= s.workers; i++)
                parts[i] = part_start(&s, i);
        double seconds = client_run(&s, latencies);
        for (uint64_t i = 0; i <= s.workers; i++) {
                kill(parts[i], SIGKILL);
                waitpid(parts[i], NULL, 0);
        }
        char url[128];
        const char *names[] = {"control", "results"};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                unlink(endpoint(&s, names[i], 0, url, sizeof url) + 6);
        for (uint64_t i = 0; i < s.workers; i++)
                unlink(endpoint(&s, "w", i, url, sizeof url) + 6);
        rmdir(s.directory);
        qsort(latencies, s.messages, sizeof *latencies, usec_compare);
        printf("{\"bench\": \"pipeline\", \"messages\": %llu, \"window\": %llu, \"workers\": %llu, "
               "\"payload_bytes\": %llu, "
               "\"seconds\": %.3f, \"messages_per_sec\": %.0f, \"latency_us\": {\"p50\": %llu, "
               "\"p95\": %llu, \"p99\": %llu, \"max\": %llu}}\n",
               (unsigned long long)s.messages, (unsigned long long)s.window,
               (unsigned long long)s.workers, (unsigned long long)s.bytes, seconds,
               (double)s.messages / seconds, (unsigned long long)latencies[s.messages / 2],
               (unsigned long long)latencies[s.messages * 95 / 100],
               (unsigned long long)latencies[s.messages * 99 / 100],
               (unsigned long long)latencies[s.messages - 1]);
        return 0;
}
