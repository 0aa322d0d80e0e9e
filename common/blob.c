/* The blobs of blob.h. A copied blob is one allocation, its bytes behind the header; an adopted one
 * has a header of its own and says how its bytes are released. Dropping a reference releases and
 * the last drop acquires, so that whoever frees the bytes sees every read of them as done. */
#include "common/blob.h"

#include "common/macro.h"

#include <stdatomic.h>
#include <string.h>

struct Blob {
        atomic_uint references;
        uint32_t size;
        const void *data;
        void (*release)(void *arg); /* NULL: the bytes are in this allocation */
        void *arg;
        char bytes[];
};

static Blob *blob_new(size_t extra, const void *data, size_t size, void (*release)(void *),
                      void *arg) {
        if (size > UINT32_MAX)
                return NULL;
        Blob *b = malloc(sizeof(Blob) + extra);
        if (!b)
                return NULL;
        atomic_init(&b->references, 1);
        b->size = (uint32_t)size;
        b->data = data ? data : b->bytes;
        b->release = release;
        b->arg = arg;
        return b;
}

Blob *blob_new_copy(const void *data, size_t size) {
        Blob *b = blob_new(size, NULL, size, NULL, NULL);
        if (b && size > 0)
                memcpy(b->bytes, data, size);
        return b;
}

Blob *blob_new_take(void *data, size_t size) {
        return blob_new(0, data, size, free, data);
}

Blob *blob_new_foreign(const void *data, size_t size, void (*release)(void *arg), void *arg) {
        return blob_new(0, data, size, release, arg);
}

Blob *blob_ref(Blob *b) {
        if (b) {
                unsigned before =
                        atomic_fetch_add_explicit(&b->references, 1, memory_order_relaxed);
                ASSERT(before > 0 && before < UINT32_MAX);
        }
        return b;
}

Blob *blob_unref(Blob *b) {
        if (!b)
                return NULL;
        unsigned before = atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel);
        ASSERT(before > 0);
        if (before == 1) {
                if (b->release)
                        b->release(b->arg);
                free(b);
        }
        return NULL;
}

const void *blob_data(const Blob *b) {
        return b->data;
}

size_t blob_size(const Blob *b) {
        return b->size;
}

BlobSlice blob_slice(Blob *b, size_t offset, size_t size) {
        if (size == 0)
                return (BlobSlice){0};
        ASSERT(b && offset <= b->size && size <= b->size - offset);
        return (BlobSlice){.blob = blob_ref(b), .offset = (uint32_t)offset, .size = (uint32_t)size};
}

BlobSlice blob_slice_ref(BlobSlice s) {
        blob_ref(s.blob);
        return s;
}

void blob_slice_drop(BlobSlice *s) {
        blob_unref(s->blob);
        *s = (BlobSlice){0};
}

const void *blob_slice_data(BlobSlice s) {
        return s.blob ? (const char *)s.blob->data + s.offset : "";
}
