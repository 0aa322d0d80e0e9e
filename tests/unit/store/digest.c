/* The digest of a store: it never hides a row, it passes over what cannot match, and it is given
 * back with what it told of. */
#include "tests/unit/store/fixture.h"

#include "dispatcher/store/digest.h"

static FilterRow row(const char *queue, const char *name, uint8_t end_state, usec_t submitted) {
        return (FilterRow){.uid = 7,
                           .end_state = end_state,
                           .submitted_usec = submitted,
                           .queue = queue,
                           .queue_size = strlen(queue),
                           .name = name,
                           .name_size = strlen(name),
                           .labels = "",
                           .group = ""};
}

static bool finds(const Digest *d, StoreFilter f, uint64_t at) {
        uint64_t id = at, first = 0;
        return digest_next(d, &f, &id, &first) && first <= at && id == at;
}

#define ANY .any_uid = true

Test(digest, passes_over_what_cannot_match) {
        Digest d = {0};
        FilterRow a = row("mail", "n1", TASK_SUCCEEDED, 100), b = row("web", "n2", 0, 200);
        a.labels = "k=v\0x=y";
        a.labels_size = 8;
        a.group = "g";
        a.group_size = 1;
        cr_assert_eq(digest_add(&d, 100000, &a), 0);
        cr_assert_eq(digest_add(&d, 900000, &b), 0);
        cr_assert(finds(&d, (StoreFilter){ANY}, 900000));
        cr_assert(finds(&d, (StoreFilter){ANY}, 100000));
        cr_assert(finds(&d, (StoreFilter){.uid = 7}, 900000));
        cr_assert_not(finds(&d, (StoreFilter){.uid = 8}, 900000));
        cr_assert_not(finds(&d, (StoreFilter){ANY, .since_usec = 201}, 900000));
        cr_assert_not(finds(&d, (StoreFilter){ANY, .since_usec = 101}, 100000));
        cr_assert_not(finds(&d, (StoreFilter){ANY, .queue = (char[]){"web"}}, 100000));
        cr_assert_not(finds(&d, (StoreFilter){ANY, .name = (char[]){"mail"}}, 100000));
        cr_assert_not(finds(&d, (StoreFilter){ANY, .unended = true}, 100000));
        cr_assert_not(finds(&d, (StoreFilter){ANY, .end_states = 1u << TASK_FAILED}, 100000));
        cr_assert(finds(&d,
                        (StoreFilter){ANY, .end_states = 1u << TASK_SUCCEEDED,
                                      .queue = (char[]){"mail"}, .name = (char[]){"n1"},
                                      .group = (char[]){"g"}, .label = (char[]){"x=y"}},
                        100000));
        uint64_t id = 899999, first = 0;
        cr_assert(digest_next(&d, &(StoreFilter){ANY, .queue = (char[]){"mail"}}, &id, &first));
        cr_assert(first <= 100000 && id >= 100000 && id < 900000, "what lies between is jumped");
        digest_done(&d);
}

Test(digest, follows_ends_and_what_is_forgotten) {
        Digest d = {0};
        FilterRow r = row("mail", "n1", 0, 1);
        StoreFilter failed = {ANY, .end_states = 1u << TASK_FAILED},
                    unended = {ANY, .unended = true};
        cr_assert_eq(digest_add(&d, 5, &r), 0);
        cr_assert_eq(digest_add(&d, 6, &r), 0);
        digest_end(&d, 5, TASK_FAILED);
        cr_assert(finds(&d, failed, 6));
        cr_assert(finds(&d, unended, 6));
        digest_end(&d, 6, TASK_SUCCEEDED);
        cr_assert_not(finds(&d, unended, 6));
        digest_forget(&d, 5);
        cr_assert(finds(&d, (StoreFilter){ANY}, 6));
        digest_forget(&d, 6);
        cr_assert_not(finds(&d, (StoreFilter){ANY}, 6));
        cr_assert_eq(d.blocks.count, 0, "nothing is kept of blocks without a task");
        digest_forget(&d, 6);
        digest_end(&d, 6, TASK_FAILED);
        digest_done(&d);
}

/* Many tasks with a few attributes, in a random order with a printed seed: whatever is asked for,
 * every task that matches lies in a range that the digest gives, and ranges go down. */
Test(digest, hides_nothing) {
        enum { IDS = 20000 };
        static FilterRow rows[IDS + 1];
        static char names[IDS + 1][16];
        static const char *const queues[] = {"a", "b", "c"};
        unsigned seed = (unsigned)time_now_realtime();
        fprintf(stderr, "# seed %u\n", seed);
        Digest d = {0};
        for (uint64_t id = 1; id <= IDS; id++) {
                if (rand_r(&seed) % 3 == 0)
                        continue;
                (void)snprintf(names[id], sizeof names[id], "n%d", rand_r(&seed) % 5000);
                rows[id] = row(queues[rand_r(&seed) % 1000 / 999 + rand_r(&seed) % 2], names[id],
                               (uint8_t)(rand_r(&seed) % 2 ? 0 : TASK_SUCCEEDED),
                               (usec_t)rand_r(&seed) % 100000);
                cr_assert_eq(digest_add(&d, id, &rows[id]), 0);
        }
        for (int i = 0; i < 200; i++) {
                char name[16];
                (void)snprintf(name, sizeof name, "n%d", rand_r(&seed) % 5000);
                StoreFilter f = {ANY, .since_usec = (usec_t)rand_r(&seed) % 120000,
                                 .unended = rand_r(&seed) % 2,
                                 .queue = rand_r(&seed) % 2 ? (char[]){"b"} : NULL,
                                 .name = rand_r(&seed) % 2 ? name : NULL};
                uint64_t at = IDS, first = 0, seen = IDS + 1;
                for (; digest_next(&d, &f, &at, &first); at = first - 1) {
                        cr_assert(at < seen && first <= at);
                        for (uint64_t id = at + 1; id < seen; id++)
                                cr_assert(!rows[id].queue || !filter_matches(&f, &rows[id]),
                                          "%llu is hidden", (unsigned long long)id);
                        seen = first;
                        if (first == 0)
                                break;
                }
                for (uint64_t id = 1; id < seen; id++)
                        cr_assert(!rows[id].queue || !filter_matches(&f, &rows[id]),
                                  "%llu is hidden", (unsigned long long)id);
        }
        digest_done(&d);
}

/* ---- in the store ---- */

static void store_many(Fixture *f, uint64_t first, uint64_t n, const char *name) {
        StoreOp *ops = malloc(n * sizeof *ops);
        for (uint64_t i = 0; i < n; i++)
                ops[i] = task(first + i, .name = i == n / 2 ? name : NULL, .submitted = first + i);
        cr_assert_eq(await_ticket(f, write_ops(f, ops, n)), 0);
        free(ops);
}

static void expect_lists(Fixture *f, const char *named_a, const char *named_b, const char *failed) {
        uint64_t before = 0;
        char found[4][64] = {""};
        const StoreFilter filters[] = {{ANY, .name = (char[]){"a"}},
                                       {ANY, .name = (char[]){"b"}},
                                       {ANY, .end_states = 1u << TASK_FAILED}};
        for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
                do {
                        StoreFilter filter = filters[i];
                        filter.before = before;
                        filter.name = filter.name ? strdup(filter.name) : NULL;
                        StoreDone d =
                                ask(f, (StoreRead){.kind = STORE_READ_ROWS, .filter = filter});
                        size_t n = strlen(found[i]);
                        for (size_t t = 0; t < d.task_count; t++)
                                n += (size_t)snprintf(found[i] + n, sizeof found[i] - n, "%llu ",
                                                      (unsigned long long)d.tasks[t].task.id);
                        before = d.before;
                        store_done_free(&d);
                } while (before);
        }
        cr_assert_str_eq(found[0], named_a);
        cr_assert_str_eq(found[1], named_b);
        cr_assert_str_eq(found[2], failed);
}

/* At once after the start the store has not counted yet, and lists must not miss what was there;
 * what is added, ends or is purged in those moments must be right afterwards, too. */
Test(digest, lists_are_whole_from_the_first_moment_after_a_start) {
        Fixture f = {0};
        fixture_open(&f, "sqlite");
        store_many(&f, 1, 9000, "a");
        store_batch(&f, ended(17, .state = TASK_FAILED), ended(18, .state = TASK_FAILED));
        expect_lists(&f, "4501 ", "", "18 17 ");
        fixture_reopen(&f);
        store_many(&f, 9001, 3000, "b");
        store_batch(&f, ended(8999, .state = TASK_FAILED), make_mark(STORE_PURGE, 17, 0));
        for (int i = 0; i < 50; i++) /* while it counts, and after */
                expect_lists(&f, "4501 ", "10501 ", "8999 18 ");
        store_batch(&f, make_mark(STORE_PURGE, 18, 0), make_mark(STORE_PURGE, 8999, 0));
        expect_lists(&f, "4501 ", "10501 ", "");
        fixture_close(&f);
}
