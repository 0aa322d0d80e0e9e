/* The hot path does not allocate: encoding into a warm buffer, decoding with a warm reader,
 * refusing a hostile frame. This program replaces malloc for itself and its libraries, to count;
 * sanitizers do the same for their own ends, so it is built without them only. */
#include "common/wire.h"
#include "tests/unit/common/wire-random.h"

#include <criterion/criterion.h>
#include <errno.h>

/* glibc's own allocator under its other names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static _Thread_local unsigned allocations;

void *malloc(size_t size) {
        allocations++;
        return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
        allocations++;
        return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size) {
        allocations++;
        return __libc_realloc(p, size);
}

static void expect_no_allocation(size_t tasks) {
        _cleanup_(wire_reader_freep) WireReader *reader = NULL;
        _cleanup_(wire_buffer_done) WireBuffer buffer = {};
        _cleanup_(freep) WireTask *list = calloc(tasks, sizeof *list);
        WireSubmit s = {.client = wire_text("0123456789abcdef"), .tasks = {list, tasks}};
        WireText labels[] = {wire_text("a=b"), wire_text("c=d")};
        WireMessage m;
        unsigned before;

        cr_assert_eq(wire_reader_new(&reader), 0);
        for (size_t i = 0; i < tasks; i++)
                list[i] = (WireTask){.queue = wire_text("default"), .labels = {labels, 2}};
        for (unsigned warm = 0; warm < 2; warm++) {
                cr_assert_eq(wire_encode(&buffer, WIRE_TYPE_SUBMIT, 1, &s), 0);
                cr_assert_eq(wire_decode(reader, buffer.data, buffer.size, &m), 0);
        }

        before = allocations;
        cr_assert_gt(before, 0, "malloc is not counted");
        for (unsigned i = 0; i < 100; i++) {
                int r = wire_encode(&buffer, WIRE_TYPE_SUBMIT, 1, &s);
                r |= wire_decode(reader, buffer.data, buffer.size, &m);
                if (r != 0)
                        cr_assert_fail("encode or decode failed");
        }
        cr_assert_eq(allocations, before);
}

Test(wire_alloc, a_message_of_one_task_allocates_nothing) {
        expect_no_allocation(1);
}

Test(wire_alloc, a_message_of_64_tasks_allocates_nothing) {
        expect_no_allocation(64);
}

Test(wire_alloc, the_largest_message_allocates_nothing_once_it_was_seen) {
        expect_no_allocation(WIRE_TASKS_MAX);
}

Test(wire_alloc, a_hostile_count_allocates_nothing) {
        static const unsigned char frame[] = {0x94, 1, 74, 7, 0xdd, 0x7f, 0xff, 0xff, 0xff};
        _cleanup_(wire_reader_freep) WireReader *reader = NULL;
        WireMessage m;
        unsigned before;
        int r;

        cr_assert_eq(wire_reader_new(&reader), 0);
        before = allocations;
        r = wire_decode(reader, frame, sizeof frame, &m);
        cr_assert_eq(allocations, before);
        cr_assert_eq(r, -EBADMSG);
}
