/* The payload cache is bounded, lends what it holds, and forgets what it is told to. */
#include "dispatcher/payload.h"

#include <criterion/criterion.h>
#include <string.h>

static BlobSlice slice_of(const char *text) {
        Blob *b = blob_new_copy(text, strlen(text));
        BlobSlice s = blob_slice(b, 0, strlen(text));
        blob_unref(b);
        return s;
}

static void put(PayloadCache *c, uint64_t id, const char *text) {
        BlobSlice payload = slice_of(text);
        payload_cache_put(c, id, (BlobSlice){0}, payload);
        blob_slice_drop(&payload);
}

static bool holds(PayloadCache *c, uint64_t id, const char *text) {
        BlobSlice environment, payload;
        return payload_cache_get(c, id, &environment, &payload) && payload.size == strlen(text) &&
               memcmp(blob_slice_data(payload), text, payload.size) == 0;
}

Test(payload, is_lent_until_dropped) {
        _cleanup_(payload_cache_freep) PayloadCache *c = payload_cache_new(1 << 20);
        put(c, 1, "one");
        put(c, 2, "two");
        cr_assert(holds(c, 1, "one"));
        cr_assert(holds(c, 2, "two"));
        payload_cache_drop(c, 1);
        cr_assert_not(holds(c, 1, "one"));
        cr_assert(holds(c, 2, "two"));
}

Test(payload, what_does_not_fit_is_not_kept) {
        _cleanup_(payload_cache_freep) PayloadCache *c = payload_cache_new(200);
        char large[180];
        memset(large, 'x', sizeof large - 1);
        large[sizeof large - 1] = '\0';
        put(c, 1, large);
        cr_assert_not(holds(c, 1, large), "an entry costs more than its payload");
        put(c, 2, "small");
        cr_assert(holds(c, 2, "small"));
}

Test(payload, room_comes_back_when_tasks_are_forgotten) {
        _cleanup_(payload_cache_freep) PayloadCache *c = payload_cache_new(4096);
        for (uint64_t id = 1; id <= 10000; id++) {
                put(c, id, "some payload");
                cr_assert(holds(c, id, "some payload"), "task %llu", (unsigned long long)id);
                payload_cache_drop(c, id);
        }
}

Test(payload, forgetting_what_is_not_there_is_nothing) {
        _cleanup_(payload_cache_freep) PayloadCache *c = payload_cache_new(4096);
        payload_cache_drop(c, 7);
        cr_assert_not(holds(c, 7, ""));
}
