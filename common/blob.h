/* Immutable, reference-counted bytes and slices of them: how payloads, environments and output
 * cross the dispatcher, its payload cache and the store thread without being copied per task. One
 * message from the wire becomes one Blob; each task in it holds a slice. The count is atomic, the
 * bytes never change after creation, so slices may be read and dropped on any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Blob Blob;

typedef struct BlobSlice {
        Blob *blob; /* NULL: no bytes */
        uint32_t offset, size;
} BlobSlice;

/* Copies size bytes (at most UINT32_MAX); NULL on lack of memory. The caller holds one reference.
 */
Blob *blob_new_copy(const void *data, size_t size);

/* Adopts malloc()ed data; on failure (NULL) data stays the caller's. */
Blob *blob_new_take(void *data, size_t size);

/* Adopts foreign bytes, such as a message of the wire library; release(arg) runs when the last
 * reference goes, on the thread that drops it. On failure (NULL) nothing is released. */
Blob *blob_new_foreign(const void *data, size_t size, void (*release)(void *arg), void *arg);

Blob *blob_ref(Blob *b);   /* accepts NULL */
Blob *blob_unref(Blob *b); /* accepts NULL, returns NULL */
const void *blob_data(const Blob *b);
size_t blob_size(const Blob *b);

/* A slice holds a reference of its own. offset + size must be within the blob. */
BlobSlice blob_slice(Blob *b, size_t offset, size_t size);
BlobSlice blob_slice_ref(BlobSlice s);
void blob_slice_drop(BlobSlice *s);       /* leaves an empty slice */
const void *blob_slice_data(BlobSlice s); /* never NULL: an empty slice gives "" */
