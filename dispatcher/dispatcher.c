/* stint-dispatcher: holds the queue. Started by stintd with its sockets, its configuration and the
 * channel to the supervisor already open (common/supervise.h); never by hand. Order: options,
 * configuration, store (recovery), sockets, then the loop, in which the supervisor's roster comes
 * first. */
#include "dispatcher/dispatcher.h"

#include "common/log.h"
#include "common/text.h"
#include "common/zsource.h"
#include "dispatcher/core-config.h"
#include "dispatcher/requests/output.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PAYLOAD_CACHE_BYTES (64u << 20)

static void on_client_message(void *userdata, ClientMessage *m) {
        Dispatcher *d = userdata;
        turn_begin(d);
        request_handle(&d->requests, m);
}

static void on_worker_hello(void *userdata, const WireHello *hello) {
        Dispatcher *d = userdata;
        turn_begin(d);
        core_on_hello(d->core, hello);
}

static void on_worker_started(void *userdata, uint64_t serial, const WireStartedItem *started) {
        Dispatcher *d = userdata;
        turn_begin(d);
        core_on_started(d->core, serial, started->run_id, started->started_usec);
}

static void on_worker_progress(void *userdata, uint64_t serial, const WireProgressItem *progress) {
        Dispatcher *d = userdata;
        turn_begin(d);
        core_on_progress(d->core, serial, progress);
}

static void on_worker_end(void *userdata, uint64_t serial, RunRecord *run) {
        Dispatcher *d = userdata;
        turn_begin(d);
        core_on_end(d->core, serial, run);
}

static const WorkerLinkHandlers worker_handlers = {
        .on_hello = on_worker_hello,
        .on_started = on_worker_started,
        .on_progress = on_worker_progress,
        .on_end = on_worker_end,
};

static void on_follow_retry(void *userdata, const FollowRequest *request) {
        Dispatcher *d = userdata;
        output_try(&d->requests, request);
}

static void on_progress(void *userdata) {
        supervise_ping(SUPERVISE_FD_CHANNEL);
}

/* ---- start ---- */

static int options_parse(int argc, char **argv, DispatcherOptions *ret) {
        static const struct option longs[] = {
                {"state", required_argument, NULL, 's'},
                {"run", required_argument, NULL, 'r'},
                {"instance", required_argument, NULL, 'i'},
                {"generation", required_argument, NULL, 'g'},
                {"binary", required_argument, NULL, 'b'},
                {NULL, 0, NULL, 0},
        };
        bool numbers = true;
        for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) >= 0;)
                switch (c) {
                case 's':
                        ret->state_dir = optarg;
                        break;
                case 'r':
                        ret->run_dir = optarg;
                        break;
                case 'i':
                        ret->instance = optarg;
                        break;
                case 'g':
                        numbers = numbers && u64_parse(optarg, &ret->generation) == 0;
                        break;
                case 'b':
                        numbers = numbers && u64_parse(optarg, &ret->binary) == 0;
                        break;
                default:
                        return -EINVAL;
                }
        return numbers && ret->state_dir && ret->run_dir && ret->instance ? 0 : -EINVAL;
}

static int load_config(Dispatcher *d) {
        ConfigFindings findings = {0};
        int r = config_load_fd(SUPERVISE_FD_CONFIG, &findings, &d->config);
        for (size_t i = 0; i < findings.count; i++)
                log_error("%s", findings.lines[i]);
        config_findings_done(&findings);
        if (r < 0)
                return EXIT_CONFIG;
        log_set_level(d->config->log_level);
        return 0;
}

static int open_store(Dispatcher *d) {
        Error error = {0};
        StoreOptions options = {
                .url = d->config->store_url,
                .state_dir = d->options.state_dir,
                .retention_age_usec = d->config->retention.age_usec,
                .retention_tasks = d->config->retention.tasks,
                .retention_bytes = d->config->retention.bytes,
                .progress = on_progress,
        };
        if (store_open(&options, &error, &d->store) < 0) {
                log_error("%s", error.text);
                return error.code;
        }
        if (store_note(d->store)[0])
                log_warning("%s", store_note(d->store));
        return 0;
}

static int on_recovered_task(void *userdata, const RecoveredTask *task) {
        Dispatcher *d = userdata;
        return core_recover_task(d->core, task);
}

static int on_recovered_client(void *userdata, const ClientRecord *client) {
        Dispatcher *d = userdata;
        return core_recover_client(d->core, client);
}

/* The core, with everything that the store remembers. */
static int recover(Dispatcher *d) {
        Error error = {0};
        CoreSetup setup = {
                .ports = &dispatcher_ports,
                .userdata = d,
                .epoch = store_epoch(d->store),
                .next_task_id = store_next_task_id(d->store),
                .owner_uid = d->requests.owner_uid,
                .seed = time_now_monotonic() ^ (uint64_t)getpid() << 32,
        };
        memcpy(setup.store_id, store_id(d->store), WIRE_UUID);
        int r = core_new(&setup, d->requests.now, &d->core);
        if (r == 0)
                r = core_apply_config(d->core, d->config, NULL);
        if (r == 0)
                r = store_recover(d->store, on_recovered_task, on_recovered_client, d, &error);
        if (r == 0)
                r = store_start(d->store);
        if (r == 0)
                return 0;
        if (error.code)
                log_error("%s", error.text);
        else
                log_error("cannot recover from %s: %s", d->config->store_url, strerror(-r));
        return error.code ? error.code : EXIT_IO;
}

static int open_links(Dispatcher *d) {
        int r = sd_event_default(&d->event);
        if (r >= 0)
                r = zcontext_new(&d->context);
        if (r >= 0)
                r = reads_new(d->store, &d->reads);
        if (r >= 0)
                r = worker_link_new(d->event, d->context, SUPERVISE_FD_RESULTS, d->options.run_dir,
                                    PRIORITY_RESULTS, &worker_handlers, d, &d->workers);
        if (r >= 0)
                r = push_new(d->payloads, d->reads, d->workers, &d->push);
        if (r >= 0)
                r = follow_new(d->event, d->options.state_dir, PRIORITY_FOLLOW, on_follow_retry, d,
                               &d->follow);
        if (r >= 0)
                r = event_link_new(d->event, d->context, SUPERVISE_FD_EVENTS,
                                   d->config->events_socket, PRIORITY_CLIENTS, &d->events);
        if (r >= 0)
                r = client_link_new(d->event, d->context, SUPERVISE_FD_CONTROL,
                                    d->config->control_socket, PRIORITY_CLIENTS, on_client_message,
                                    d, &d->clients);
        if (r >= 0)
                r = supervise_link_new(d->event, SUPERVISE_FD_CHANNEL, PRIORITY_SUPERVISOR,
                                       on_supervisor, d, &d->supervisor);
        if (r >= 0)
                r = dispatcher_add_sources(d);
        if (r >= 0)
                return 0;
        log_error("cannot open the sockets in %s: %s", d->options.run_dir, strerror(-r));
        return EXIT_SOFTWARE;
}

static void requests_init(Dispatcher *d) {
        d->requests.core = d->core;
        d->requests.store = d->store;
        d->requests.reads = d->reads;
        d->requests.clients = d->clients;
        d->requests.workers = d->workers;
        d->requests.follow = d->follow;
        d->requests.events = d->events;
        d->requests.rates = &d->rates;
        d->requests.supervisor = d->supervisor;
        d->requests.started_usec = time_now_realtime();
        d->requests.instance = d->options.instance;
        /* One's own instance is for oneself, unless the configuration names a group. */
        d->requests.used_by =
                strcmp(d->options.instance, "user") == 0 && !d->config->control_group[0]
                        ? USED_BY_OWNER
                        : USED_BY_WHO_CAN_CONNECT;
        d->requests.state_dir = d->options.state_dir;
        snprintf(d->requests.events_socket, sizeof d->requests.events_socket, "%.*s", WIRE_TEXT_MAX,
                 d->config->events_socket);
        d->requests.health = d->health;
        d->requests.config = d->config;
        d->requests.generation = d->options.generation;
}

static int dispatcher_start(Dispatcher *d) {
        /* The owner of one's own instance may do everything in it; the account of a system instance
         * is also that of its tasks, which may not change each other. */
        d->requests.owner_uid = strcmp(d->options.instance, "user") == 0 ? (uint32_t)geteuid() : 0;
        d->requests.now = (CoreTime){time_now_monotonic(), time_now_realtime()};
        d->payloads = payload_cache_new(PAYLOAD_CACHE_BYTES);
        int code = d->payloads ? load_config(d) : EXIT_SOFTWARE;
        if (!code)
                code = open_store(d);
        if (!code)
                code = recover(d);
        if (!code)
                code = open_links(d);
        if (!code)
                requests_init(d);
        return code;
}

/* The store first: what it still holds for us must be written before anything else goes. */
static void dispatcher_done(Dispatcher *d) {
        store_close(d->store);
        supervise_link_free(d->supervisor);
        client_link_free(d->clients);
        event_link_free(d->events);
        follow_free(d->follow);
        push_free(d->push);
        worker_link_free(d->workers);
        reads_free(d->reads);
        core_free(d->core);
        payload_cache_free(d->payloads);
        zcontext_free(d->context);
        sd_event_source_disable_unref(d->post);
        sd_event_source_disable_unref(d->timer);
        sd_event_source_disable_unref(d->store_io);
        sd_event_source_disable_unref(d->stop_timer);
        sd_event_unref(d->event);
        config_free(d->config);
        free(d->ops);
}

int main(int argc, char **argv) {
        _cleanup_(dispatcher_done) Dispatcher d = {0};
        char log_dir[PATH_MAX];
        prctl(PR_SET_NAME, "stint-dispatcher"); /* fexecve leaves a number; 15 bytes are kept */
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a full quota is an error of write(), not our end */
        signal(SIGHUP, SIG_IGN);
        if (options_parse(argc, argv, &d.options) < 0) {
                fprintf(stderr,
                        "stint-dispatcher: is started by stintd, not by hand; see stintd(8)\n");
                return EXIT_USAGE;
        }
        snprintf(log_dir, sizeof log_dir, "%s/log", d.options.state_dir);
        log_open("stint-dispatcher", LOG_TARGET_AUTO, log_dir);
        int code = dispatcher_start(&d);
        if (code)
                return code;
        int r = sd_event_loop(d.event);
        if (r < 0)
                log_error("event loop failed: %s", strerror(-r));
        return r < 0 ? EXIT_SOFTWARE : r;
}
