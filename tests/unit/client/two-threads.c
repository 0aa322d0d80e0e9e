/* Two threads, each with a client of its own, at once: plain, since the framework of the other
 * tests does not run under ThreadSanitizer. tests/e2e/test_library.py runs it beside an instance,
 * which it finds as any program does. Exit code 0 if everything ended as it should. */
#include <stint/stint.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define TASKS 1000

static void on_over(StintFuture *f, void *userdata) {
        const StintEnd *end = stint_future_end(f);
        if (end && end->state == STINT_SUCCEEDED)
                ++*(size_t *)userdata;
        stint_future_free(f);
}

static void on_event(StintWatch *watch, const StintEvent *event, void *userdata) {
        ++*(size_t *)userdata;
}

static int client_use(StintClient *c) {
        static const char *const argv[] = {"true", NULL};
        size_t done = 0, events = 0;
        StintStatus *status = NULL;
        int r = stint_connect(c);
        if (r < 0 || !stint_watch_new(c, NULL, 0, on_event, &events))
                return -1;
        for (size_t i = 0; i < TASKS && r >= 0; i++) {
                StintTask task = {STINT_TASK, .argv = i % 100 ? NULL : argv,
                                  .queue = i % 100 ? "mail" : NULL};
                StintFuture *f;
                r = stint_submit(c, &task, 1, STINT_COLLECT, &f);
                if (r == 0)
                        stint_future_then(f, on_over, &done);
                if (r == 0 && i % 50 == 0)
                        r = stint_dispatch(c, 0);
        }
        while (r >= 0 && (done < TASKS || !events))
                r = stint_dispatch(c, 60000) > 0 ? 0 : -1;
        if (r >= 0)
                r = stint_status(c, &status);
        stint_status_free(status);
        return r;
}

static void *thread_main(void *failed) {
        StintClient *c = stint_new(NULL);
        if (!c || client_use(c) < 0) {
                fprintf(stderr, "two-threads: %s\n", stint_error(c));
                *(int *)failed = 1;
        }
        stint_free(c);
        return NULL;
}

int main(void) {
        pthread_t threads[2];
        int failed[2] = {0};
        for (size_t i = 0; i < 2; i++)
                if (pthread_create(&threads[i], NULL, thread_main, &failed[i]))
                        return EXIT_FAILURE;
        for (size_t i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
        return failed[0] || failed[1] ? EXIT_FAILURE : EXIT_SUCCESS;
}
