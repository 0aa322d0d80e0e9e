/* Sockets without a loop: inherited listening sockets, the peer's uid, refusals that never block,
 * who holds which bytes. */
#include "tests/unit/common/zsource-fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define WAIT_MSEC 60000

TestSuite(zsocket, .init = fixture_set_up, .fini = fixture_tear_down, .timeout = 90);

static ZMessage message;

static void expect_text(void *socket, size_t frame, const char *text) {
        cr_assert_eq(zsocket_receive(socket, WAIT_MSEC, &message), 0);
        cr_assert_lt(frame, message.count);
        cr_assert_eq(message.frames[frame].size, strlen(text));
        cr_assert_eq(memcmp(message.frames[frame].data, text, strlen(text)), 0);
}

static unsigned open_fds(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 256; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* What a dying connection had taken is lost, which is why clients send their requests again. */
static void send_until_received(void *from, void *to) {
        int r = -ETIMEDOUT;

        for (unsigned i = 0; i < WAIT_MSEC / 20 && r == -ETIMEDOUT; i++) {
                fixture_send(from, "again");
                r = zsocket_receive(to, 20, &message);
        }
        cr_assert_eq(r, 0);
}

/* ---- inherited sockets ---- */

Test(zsocket, an_inherited_socket_serves_who_came_before_and_who_comes_after) {
        void *dealer = fixture_socket(ZMQ_DEALER), *router = NULL;
        char path[NAME_SIZE], endpoint[NAME_SIZE + 8];
        int fd = fixture_listen("control", path);

        (void)snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
        cr_assert_eq(zsocket_connect(dealer, endpoint), 0);
        fixture_send(dealer, "waits in the backlog");

        router = fixture_socket(ZMQ_ROUTER);
        cr_assert_eq(zsocket_bind_fd(router, fd, path), 0);
        expect_text(router, 1, "waits in the backlog");
        zsocket_free(router);

        /* the next dispatcher: the same descriptor, the same path, nobody unlinked it */
        cr_assert_eq(access(path, F_OK), 0);
        router = fixture_socket(ZMQ_ROUTER);
        cr_assert_eq(zsocket_bind_fd(router, fd, path), 0);
        send_until_received(dealer, router);

        zsocket_free(router);
        zsocket_free(dealer);
        zmessage_done(&message);
        close(fd);
}

Test(zsocket, a_socket_binds_by_itself_after_an_inherited_one) {
        void *router = fixture_socket(ZMQ_ROUTER), *dealer = fixture_socket(ZMQ_DEALER);
        char path[NAME_SIZE];
        int fd = fixture_listen("control", path);

        cr_assert_eq(zsocket_bind_fd(router, fd, path), 0);
        cr_assert_eq(zsocket_bind(router, fx.endpoint), 0, "the descriptor is not used twice");
        cr_assert_eq(zsocket_connect(dealer, fx.endpoint), 0);
        fixture_send(dealer, "hello");
        expect_text(router, 1, "hello");
        zsocket_free(router);
        zsocket_free(dealer);
        zmessage_done(&message);
        close(fd);
}

Test(zsocket, what_cannot_be_listened_on_is_refused_and_leaks_nothing) {
        void *router = fixture_socket(ZMQ_ROUTER);
        char path[NAME_SIZE], long_path[200];
        int fd = fixture_listen("control", path), fds[2];
        unsigned before;

        memset(long_path, 'x', sizeof long_path);
        long_path[0] = '/';
        long_path[sizeof long_path - 1] = '\0';
        cr_assert_eq(pipe(fds), 0);
        before = open_fds();
        cr_assert_eq(zsocket_bind_fd(router, fds[0], path), -ENOTSOCK);
        cr_assert_eq(zsocket_bind_fd(router, -1, path), -EBADF);
        cr_assert_eq(zsocket_bind_fd(router, fd, long_path), -ENAMETOOLONG);
        cr_assert_eq(listen(fd, 1), 0);
        cr_assert_eq(open_fds(), before);
        zsocket_free(router);
        close(fds[0]);
        close(fds[1]);
        close(fd);
}

/* ---- who is there ---- */

Test(zsocket, the_kernel_tells_the_uid_of_an_ipc_peer) {
        void *router = fixture_bound(ZMQ_ROUTER), *dealer = fixture_connected(ZMQ_DEALER);
        unsigned uid = 4711;

        fixture_send(dealer, "hello");
        expect_text(router, 1, "hello");
        cr_assert_eq(zframe_peer_uid(&message.frames[1], &uid), 0);
        cr_assert_eq(uid, getuid());
        cr_assert_eq(zframe_peer_uid(&(ZFrame){}, &uid), -ENODATA);
        zsocket_free(router);
        zsocket_free(dealer);
        zmessage_done(&message);
}

Test(zsocket, a_tcp_peer_has_no_uid) {
        void *router = fixture_socket(ZMQ_ROUTER), *dealer = fixture_socket(ZMQ_DEALER);
        char endpoint[NAME_SIZE];
        unsigned uid = 4711;

        fixture_bind_tcp(router, endpoint);
        cr_assert_eq(zsocket_connect(dealer, endpoint), 0);
        fixture_send(dealer, "hello");
        expect_text(router, 1, "hello");
        cr_assert_eq(zframe_peer_uid(&message.frames[1], &uid), -ENODATA);
        cr_assert_eq(uid, 4711);
        zsocket_free(router);
        zsocket_free(dealer);
        zmessage_done(&message);
}

Test(zsocket, a_routing_id_names_its_peer) {
        const ZSocketOptions options = {.routing_id = "me", .routing_id_size = 2};
        void *router = fixture_bound(ZMQ_ROUTER), *dealer = NULL;

        cr_assert_eq(zsocket_new(fx.context, ZMQ_DEALER, &options, &dealer), 0);
        cr_assert_eq(zsocket_connect(dealer, fx.endpoint), 0);
        fixture_send(dealer, "hello");
        expect_text(router, 0, "me");
        cr_assert_eq(zsocket_send_to(router, "me", 2, "answer", 6, (BlobSlice){}), 0);
        expect_text(dealer, 0, "answer");
        zsocket_free(router);
        zsocket_free(dealer);
        zmessage_done(&message);
}

/* ---- sending ---- */

static atomic_uint released;

static void on_release(void *arg) {
        atomic_fetch_add(&released, 1);
}

Test(zsocket, a_full_socket_says_eagain_and_keeps_no_body) {
        const ZSocketOptions options = {.send_hwm = 2};
        static const char body[100];
        Blob *blob = blob_new_foreign(body, sizeof body, on_release, NULL);
        BlobSlice slice = blob_slice(blob, 10, 50);
        void *push = NULL;

        cr_assert_eq(zsocket_new(fx.context, ZMQ_PUSH, &options, &push), 0);
        cr_assert_eq(zsocket_send(push, "h", 1, slice), -EAGAIN, "nobody is connected");
        cr_assert_eq(zsocket_connect(push, fx.endpoint), 0);
        cr_assert_eq(zsocket_send(push, "h", 1, (BlobSlice){}), 0);
        cr_assert_eq(zsocket_send(push, "h", 1, (BlobSlice){}), 0);
        cr_assert_eq(zsocket_send(push, "h", 1, slice), -EAGAIN);
        blob_slice_drop(&slice);
        blob_unref(blob);
        cr_assert_eq(atomic_load(&released), 1, "a refused send holds no reference");
        zsocket_free(push);
}

Test(zsocket, a_body_is_held_until_it_is_sent_and_then_let_go) {
        static char body[1 << 20];
        void *pull = fixture_bound(ZMQ_PULL), *push = fixture_connected(ZMQ_PUSH);
        Blob *blob;
        BlobSlice slice;

        memset(body, 'B', sizeof body);
        body[1000] = 'X';
        blob = blob_new_foreign(body, sizeof body, on_release, NULL);
        slice = blob_slice(blob, 1000, sizeof body - 1000);
        cr_assert_eq(zsocket_send(push, "head", 4, slice), 0);
        blob_slice_drop(&slice);
        blob_unref(blob);

        expect_text(pull, 0, "head");
        cr_assert_eq(message.count, 2);
        cr_assert_eq(message.frames[1].size, sizeof body - 1000);
        cr_assert_eq(memcmp(message.frames[1].data, body + 1000, sizeof body - 1000), 0);
        zmessage_done(&message);
        zsocket_free(push);
        zsocket_free(pull);
        zcontext_free(fx.context);
        fx.context = NULL;
        cr_assert_eq(atomic_load(&released), 1);
}

static void *mandatory_router(void) {
        const ZSocketOptions options = {.router_mandatory = true};
        void *router = NULL;

        cr_assert_eq(zsocket_new(fx.context, ZMQ_ROUTER, &options, &router), 0);
        cr_assert_eq(zsocket_bind(router, fx.endpoint), 0);
        return router;
}

Test(zsocket, a_router_says_that_a_peer_is_gone) {
        void *router = mandatory_router(), *dealer = fixture_connected(ZMQ_DEALER);
        char route[32];
        size_t size;
        int r = 0;

        cr_assert_eq(zsocket_send_to(router, "nobody", 6, "h", 1, (BlobSlice){}), -EHOSTUNREACH);
        fixture_send(dealer, "hello");
        expect_text(router, 1, "hello");
        size = message.frames[0].size;
        memcpy(route, message.frames[0].data, size);
        cr_assert_eq(zsocket_send_to(router, route, size, "h", 1, (BlobSlice){}), 0);
        zsocket_free(dealer);

        for (unsigned i = 0; i < WAIT_MSEC && r == 0; i++) {
                r = zsocket_send_to(router, route, size, "h", 1, (BlobSlice){});
                (void)zsocket_receive(router, 1, &message);
        }
        cr_assert_eq(r, -EHOSTUNREACH);
        zsocket_free(router);
        zmessage_done(&message);
}

Test(zsocket, a_topic_reaches_who_subscribed_to_it) {
        const ZSocketOptions options = {.xpub_verbose = true};
        void *xpub = NULL, *sub = fixture_socket(ZMQ_SUB);

        cr_assert_eq(zsocket_new(fx.context, ZMQ_XPUB, &options, &xpub), 0);
        cr_assert_eq(zsocket_bind(xpub, fx.endpoint), 0);
        cr_assert_eq(zsocket_subscribe(sub, "task/", 5), 0);
        cr_assert_eq(zsocket_connect(sub, fx.endpoint), 0);
        expect_text(xpub, 0, "\1task/");
        cr_assert_eq(zsocket_send_to(xpub, "other", 5, "no", 2, (BlobSlice){}), 0);
        cr_assert_eq(zsocket_send_to(xpub, "task/q/1", 8, "yes", 3, (BlobSlice){}), 0);
        expect_text(sub, 1, "yes");
        zsocket_free(xpub);
        zsocket_free(sub);
        zmessage_done(&message);
}

Test(zsocket, a_frame_beyond_message_max_costs_its_sender_the_connection) {
        const ZSocketOptions options = {.message_max = 1000};
        static char large[1001];
        void *pull = NULL, *push;

        cr_assert_eq(zsocket_new(fx.context, ZMQ_PULL, &options, &pull), 0);
        cr_assert_eq(zsocket_bind(pull, fx.endpoint), 0);
        push = fixture_connected(ZMQ_PUSH);
        cr_assert_eq(zmq_send(push, large, 1000, 0), 1000);
        cr_assert_eq(zsocket_receive(pull, WAIT_MSEC, &message), 0);
        cr_assert_eq(zmq_send(push, large, 1001, 0), 1001);
        zsocket_free(push);
        push = fixture_connected(ZMQ_PUSH);
        fixture_send(push, "next");
        expect_text(pull, 0, "next");
        zsocket_free(push);
        zsocket_free(pull);
        zmessage_done(&message);
}

/* ---- receiving ---- */

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

Test(zsocket, receiving_gives_up_after_its_timeout) {
        void *pull = fixture_bound(ZMQ_PULL);
        int64_t before = now_msec();

        cr_assert_eq(zsocket_receive(pull, 30, &message), -ETIMEDOUT);
        cr_assert_geq(now_msec() - before, 29);
        cr_assert_eq(zsocket_receive(pull, 0, &message), -ETIMEDOUT);
        cr_assert_eq(zsocket_receive_now(pull, &message), -EAGAIN);
        zsocket_free(pull);
        zmessage_done(&message);
}

static void on_alarm(int signal) {
}

Test(zsocket, a_signal_ends_receiving) {
        const struct sigaction action = {.sa_handler = on_alarm};
        const struct itimerval often = {{0, 10000}, {0, 10000}};
        const struct itimerval never = {};
        void *pull = fixture_bound(ZMQ_PULL);

        cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
        cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
        cr_assert_eq(zsocket_receive(pull, -1, &message), -EINTR);
        cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
        zsocket_free(pull);
        zmessage_done(&message);
}

Test(zsocket, a_cleared_message_is_ready_for_the_next) {
        void *pull = fixture_bound(ZMQ_PULL), *push = fixture_connected(ZMQ_PUSH);

        fixture_send(push, "first");
        fixture_send(push, "second");
        expect_text(pull, 0, "first");
        zmessage_clear(&message);
        cr_assert_eq(message.count, 0);
        expect_text(pull, 0, "second");
        zsocket_free(pull);
        zsocket_free(push);
        zmessage_done(&message);
        zmessage_done(&message);
}

/* ---- context ---- */

Test(zsocket, a_context_raises_the_number_of_files) {
        struct rlimit limit;
        rlim_t hard;
        void *context = NULL;

        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        hard = limit.rlim_max;
        limit.rlim_cur = 256;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        cr_assert_eq(zcontext_new(&context), 0);
        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        cr_assert_eq(limit.rlim_cur, MIN_OF(hard, (rlim_t)65536));
        cr_assert_eq(limit.rlim_max, hard);
        zcontext_free(context);
        zcontext_free(NULL);
}

Test(zsocket, options_that_a_socket_cannot_have_are_refused) {
        const ZSocketOptions options = {.router_mandatory = true};
        void *socket = NULL;

        cr_assert_eq(zsocket_new(fx.context, ZMQ_PULL, &options, &socket), -EINVAL);
        cr_assert_null(socket);
        cr_assert_eq(zsocket_new(fx.context, 999, &options, &socket), -EINVAL);
        zsocket_free(NULL);
}
