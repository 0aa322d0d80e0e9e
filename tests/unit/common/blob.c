/* Blobs: who frees what, and when. */
#include "common/blob.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int released;

static void count_release(void *arg) {
        atomic_fetch_add((atomic_int *)arg, 1);
}

Test(blob, copy_is_independent_of_its_source) {
        char source[] = "payload";
        Blob *b = blob_new_copy(source, sizeof(source));
        source[0] = 'X';
        cr_assert_eq(blob_size(b), sizeof(source));
        cr_assert_str_eq(blob_data(b), "payload");
        cr_assert_null(blob_unref(b));
}

Test(blob, copy_of_nothing_is_an_empty_blob) {
        Blob *b = blob_new_copy(NULL, 0);
        cr_assert_not_null(b);
        cr_assert_eq(blob_size(b), 0);
        cr_assert_not_null(blob_data(b));
        blob_unref(b);
}

Test(blob, taken_memory_is_used_as_it_is) {
        char *data = strdup("taken");
        Blob *b = blob_new_take(data, 5);
        cr_assert_eq(blob_data(b), data);
        blob_unref(b); /* the leak check sees whether data went with it */
}

Test(blob, foreign_bytes_are_released_once_with_the_last_reference) {
        Blob *b = blob_new_foreign("abc", 3, count_release, &released);
        cr_assert_eq(blob_ref(b), b);
        BlobSlice s = blob_slice(b, 1, 2);
        blob_unref(b);
        blob_unref(b);
        cr_assert_eq(released, 0);
        cr_assert_eq(memcmp(blob_slice_data(s), "bc", 2), 0);
        blob_slice_drop(&s);
        cr_assert_eq(released, 1);
}

Test(blob, more_bytes_than_a_slice_can_name_are_refused_and_not_released) {
        cr_assert_null(blob_new_foreign("", (size_t)UINT32_MAX + 1, count_release, &released));
        cr_assert_null(blob_new_copy("", (size_t)UINT32_MAX + 1));
        cr_assert_eq(released, 0);
}

Test(blob, null_is_accepted) {
        cr_assert_null(blob_ref(NULL));
        cr_assert_null(blob_unref(NULL));
        BlobSlice s = blob_slice(NULL, 0, 0);
        cr_assert_null(blob_slice_ref(s).blob);
        cr_assert_str_eq(blob_slice_data(s), "");
        blob_slice_drop(&s);
}

Test(blob, empty_slice_holds_no_reference) {
        Blob *b = blob_new_foreign("abc", 3, count_release, &released);
        BlobSlice s = blob_slice(b, 3, 0);
        blob_unref(b);
        cr_assert_eq(released, 1);
        cr_assert_str_eq(blob_slice_data(s), "");
        blob_slice_drop(&s);
}

Test(blob, dropped_slice_is_empty_and_can_be_dropped_again) {
        Blob *b = blob_new_copy("abc", 3);
        BlobSlice s = blob_slice(b, 0, 3);
        blob_unref(b);
        blob_slice_drop(&s);
        cr_assert_null(s.blob);
        cr_assert_eq(s.size, 0);
        blob_slice_drop(&s);
}

Test(blob, slice_beyond_the_end_is_a_broken_invariant, .signal = SIGABRT) {
        blob_slice(blob_new_copy("abc", 3), 2, 2);
}

Test(blob, slice_whose_end_overflows_is_a_broken_invariant, .signal = SIGABRT) {
        blob_slice(blob_new_copy("abc", 3), 2, SIZE_MAX);
}

static void *ref_and_drop(void *arg) {
        BlobSlice whole = blob_slice_ref(*(BlobSlice *)arg);
        for (int i = 0; i < 20000; i++) {
                BlobSlice s = blob_slice(whole.blob, (size_t)i % 3, 1);
                if (*(const char *)blob_slice_data(s) != "abc"[i % 3])
                        abort();
                blob_slice_drop(&s);
        }
        blob_slice_drop(&whole);
        return NULL;
}

Test(blob, threads_share_the_bytes_and_release_them_once) {
        Blob *b = blob_new_foreign("abc", 3, count_release, &released);
        BlobSlice s = blob_slice(b, 0, 3);
        pthread_t threads[4];
        blob_unref(b);
        for (size_t i = 0; i < 4; i++)
                cr_assert_eq(pthread_create(&threads[i], NULL, ref_and_drop, &s), 0);
        for (size_t i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        cr_assert_eq(released, 0);
        blob_slice_drop(&s);
        cr_assert_eq(released, 1);
}
