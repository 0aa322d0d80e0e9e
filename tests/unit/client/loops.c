/* Programs with a loop of their own, and programs whose dispatcher dies: against a real instance.
 */
#include "tests/unit/client/world.h"

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

TestSuite(loops, .init = world_start, .fini = world_stop, .timeout = 120);

static size_t told;

static void on_over(StintFuture *f, void *userdata) {
        cr_assert_eq(stint_future_status(f), 0, "%s", stint_future_error(f));
        told++;
        stint_future_free(f);
}

static void submit_many(StintClient *c, size_t n) {
        StintTask task = {STINT_TASK, .queue = "noop"};
        for (size_t i = 0; i < n; i++)
                stint_future_then(world_submit(c, &task, 0), on_over, NULL);
}

static int on_info(void *userdata, const StintInfo *info) {
        cr_assert_eq(info->state, STINT_SUCCEEDED);
        ++*(size_t *)userdata;
        return 0;
}

/* Every task that there is, all of which have succeeded. */
static size_t count_tasks(StintClient *c) {
        size_t n = 0;
        expect_ok(c, stint_list(c, NULL, on_info, &n, NULL));
        return n;
}

/* ---- loops of the program ---- */

/* Waits for nothing but the descriptor; a second look finds it readable, too. */
static void turn_poll(StintClient *c) {
        struct pollfd fd = {.fd = stint_fd(c), .events = POLLIN};
        cr_assert_eq(poll(&fd, 1, PATIENCE_MSEC), 1, "there is something to do");
        cr_assert_eq(poll(&fd, 1, 0), 1, "it is level-triggered");
        expect_ok(c, stint_dispatch(c, 0));
}

Test(loops, poll_on_the_descriptor_is_all_that_a_program_needs) {
        enum { N = 3000 };
        StintClient *c = world_client();
        submit_many(c, N);
        while (told < N)
                turn_poll(c);
        struct pollfd fd = {.fd = stint_fd(c), .events = POLLIN};
        while (poll(&fd, 1, 0) == 1) /* a poll without end would spin in a program */
                expect_ok(c, stint_dispatch(c, 0));
        submit_many(c, 1);
        while (told < N + 1)
                turn_poll(c);
        stint_free(c);
}

Test(loops, epoll_serves_two_clients_and_something_else) {
        enum { N = 500 };
        StintClient *clients[] = {world_client(), world_client()};
        struct epoll_event events[4];
        int epoll_fd = epoll_create1(EPOLL_CLOEXEC), other = eventfd(0, EFD_CLOEXEC);
        for (uint32_t i = 0; i < 2; i++) {
                struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
                cr_assert_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stint_fd(clients[i]), &event), 0);
                submit_many(clients[i], N);
        }
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, other,
                  &(struct epoll_event){.events = EPOLLIN, .data.u32 = 2});
        eventfd_write(other, 1);
        for (bool seen = false; told < 2 * N || !seen;) {
                int n = epoll_wait(epoll_fd, events, 4, PATIENCE_MSEC);
                cr_assert_gt(n, 0);
                for (int i = 0; i < n; i++) {
                        if (events[i].data.u32 < 2)
                                expect_ok(clients[events[i].data.u32],
                                          stint_dispatch(clients[events[i].data.u32], 0));
                        else
                                seen = true;
                }
        }
        stint_free(clients[0]);
        stint_free(clients[1]);
        close(epoll_fd);
        close(other);
}

Test(loops, a_loop_sees_ends_after_the_dispatcher_was_killed) {
        enum { N = 2000 };
        StintClient *c = world_client();
        for (size_t i = 0; i < 4; i++) {
                submit_many(c, N / 4);
                turn_poll(c);
                world_kill_dispatcher();
        }
        while (told < N)
                turn_poll(c);
        cr_assert_eq(count_tasks(c), N);
        stint_free(c);
}

/* ---- a dispatcher that dies ---- */

Test(loops, killed_between_submit_and_acknowledgement_it_is_done_once) {
        enum { N = 600 };
        StintClient *c = world_client();
        StintTask task = {STINT_TASK, .queue = "noop"};
        StintFuture *f[N];
        world_pause();
        for (size_t i = 0; i < N; i++)
                f[i] = world_submit(c, &task, 0);
        cr_assert_eq(stint_dispatch(c, 0), 0, "nobody answers");
        cr_assert_eq(stint_unacknowledged(c), N);
        world_kill_dispatcher();
        expect_ok(c, stint_wait_all(c, f, N, PATIENCE_MSEC));
        for (size_t i = 0; i < N; i++)
                cr_assert_eq(stint_future_end(f[i])->state, STINT_SUCCEEDED);
        cr_assert_eq(count_tasks(c), N);
        stint_free(c);
}

static int on_attempt(void *userdata, const StintInfo *info) {
        *(unsigned *)userdata = info->attempt;
        return 0;
}

Test(loops, killed_between_acknowledgement_and_end_the_run_goes_on) {
        Gate gate;
        gate_make(&gate);
        unsigned attempt = 0;
        StintClient *c = world_client();
        StintFuture *f = world_submit(c, &(StintTask){STINT_TASK, .argv = gate.argv}, 0);
        uint64_t states = 1u << STINT_RUNNING;
        expect_ok(c, stint_future_wait_acknowledged(f, PATIENCE_MSEC));
        while (!attempt)
                expect_ok(c, stint_list(c, &(StintQuery){STINT_QUERY, .states = states}, on_attempt,
                                        &attempt, NULL));
        world_kill_dispatcher();
        gate_open(&gate);
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        cr_assert_eq(stint_future_end(f)->state, STINT_SUCCEEDED);
        expect_ok(c, stint_list(c, NULL, on_attempt, &attempt, NULL));
        cr_assert_eq(attempt, 1, "it was not started again");
        stint_free(c);
}

/* ---- interrupts ---- */

Test(loops, an_interrupt_ends_every_wait_and_loses_nothing) {
        Gate gate;
        gate_make(&gate);
        StintClient *c = world_client();
        StintFuture *f = world_submit(c, &(StintTask){STINT_TASK, .argv = gate.argv}, 0);
        StintRange range = {1, 1};
        size_t index;
        int fd = eventfd(0, EFD_CLOEXEC);
        expect_ok(c, stint_future_wait_acknowledged(f, PATIENCE_MSEC));
        stint_set_interrupt(c, fd);
        eventfd_write(fd, 1);
        cr_assert_eq(stint_future_wait(f, -1), -STINT_TIMED_OUT);
        cr_assert_eq(stint_wait_any(c, &f, 1, -1, &index), -STINT_TIMED_OUT);
        cr_assert_eq(stint_wait_ranges(c, &range, 1, -1, NULL, NULL), -STINT_TIMED_OUT);
        cr_assert_eq(stint_dispatch(c, -1), -STINT_TIMED_OUT);
        stint_set_interrupt(c, -1);
        gate_open(&gate);
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        cr_assert_eq(stint_future_end(f)->state, STINT_SUCCEEDED);
        stint_free(c);
        close(fd);
}

static void on_over_next(StintFuture *f, void *userdata) {
        StintTask task = {STINT_TASK, .queue = "noop"};
        StintClient *c = userdata;
        stint_future_free(f);
        stint_future_then(world_submit(c, &task, 0), on_over_next, c);
}

/* Each end submits the next, so there is always something to handle. */
Test(loops, a_wait_ends_in_time_while_messages_never_do) {
        Gate gate;
        gate_make(&gate);
        StintClient *c = world_client();
        StintTask task = {STINT_TASK, .queue = "noop"};
        StintFuture *f = world_submit(c, &(StintTask){STINT_TASK, .argv = gate.argv}, 0);
        for (size_t i = 0; i < 500; i++)
                stint_future_then(world_submit(c, &task, 0), on_over_next, c);
        cr_assert_eq(stint_future_wait(f, 20), -STINT_TIMED_OUT);
        gate_open(&gate);
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        stint_free(c);
}

/* ---- readers ---- */

typedef struct Read {
        char text[64];
        size_t size;
        int end, error;
} Read;

static int on_chunk(StintReader *reader, const StintChunk *chunk, void *userdata) {
        Read *r = userdata;
        cr_assert_eq(chunk->offset, r->size);
        cr_assert_lt(r->size + chunk->size, sizeof r->text);
        memcpy(r->text + r->size, chunk->data, chunk->size);
        r->size += chunk->size;
        r->end = chunk->end;
        r->error = chunk->error;
        if (chunk->end)
                stint_reader_free(reader);
        return 0;
}

Test(loops, a_reader_follows_across_the_death_of_the_dispatcher) {
        Gate gate;
        gate_make(&gate);
        Read read = {0};
        char script[512];
        StintClient *c = world_client();
        snprintf(script, sizeof script, "echo one; %s; echo two", gate.script);
        StintFuture *f = world_command(c, script);
        expect_ok(c, stint_future_wait_acknowledged(f, PATIENCE_MSEC));
        cr_assert_not_null(stint_reader_new(c, stint_future_id(f), 0, STINT_STDOUT, 0, STINT_FOLLOW,
                                            on_chunk, &read));
        while (read.size < 4)
                expect_ok(c, stint_dispatch(c, PATIENCE_MSEC));
        world_kill_dispatcher();
        gate_open(&gate);
        while (!read.end)
                expect_ok(c, stint_dispatch(c, PATIENCE_MSEC));
        cr_assert_eq(read.error, 0);
        cr_assert_str_eq(read.text, "one\ntwo\n");
        stint_free(c);
}

Test(loops, every_attempt_of_a_task_is_read_one_after_the_other) {
        Read read = {0};
        const char *argv[] = {"sh", "-c", "echo $STINT_ATTEMPT; exit 1", NULL};
        StintTask task = {STINT_TASK, .argv = argv, .retries = 2, .backoff_min_usec = 1000,
                          .backoff_max_usec = 1000};
        StintClient *c = world_client();
        StintFuture *f = world_submit(c, &task, 0);
        expect_ok(c, stint_future_wait(f, PATIENCE_MSEC));
        char text[4][8] = {{0}};
        for (unsigned attempt = 1; attempt <= 3; attempt++) {
                cr_assert_eq(stint_read(c, stint_future_id(f), attempt, STINT_STDOUT, 0,
                                        text[attempt], sizeof text[attempt], NULL),
                             2);
                cr_assert_eq(text[attempt][0], (char)('0' + attempt));
        }
        cr_assert_eq(stint_read(c, 99, 0, STINT_STDOUT, 0, text, sizeof text, NULL),
                     -STINT_NOT_FOUND);
        cr_assert_not_null(
                stint_reader_new(c, 99, 0, STINT_STDOUT, 0, STINT_FOLLOW, on_chunk, &read));
        while (!read.end)
                expect_ok(c, stint_dispatch(c, PATIENCE_MSEC));
        cr_assert_eq(read.error, -STINT_NOT_FOUND);
        stint_free(c);
}
