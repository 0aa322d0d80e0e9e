/* What an operation for the store owns. See record.h. */
#include "dispatcher/core/record.h"

/* Most slices are empty. */
static void slice_done(BlobSlice *s) {
        if (s->blob)
                blob_slice_drop(s);
}

void run_record_done(RunRecord *run) {
        slice_done(&run->out);
        slice_done(&run->err);
        slice_done(&run->result);
        slice_done(&run->detail);
}

void task_record_done(TaskRecord *task) {
        slice_done(&task->name);
        slice_done(&task->summary);
        slice_done(&task->labels);
        slice_done(&task->group);
        slice_done(&task->environment);
        slice_done(&task->payload);
}

void store_op_done(StoreOp *op) {
        switch (op->kind) {
        case STORE_PUT_TASK:
                task_record_done(&op->task);
                return;
        case STORE_PUT_END:
        case STORE_PUT_ATTEMPT:
                run_record_done(&op->run);
                return;
        case STORE_PUT_CLIENT:
                slice_done(&op->client.answers);
                return;
        case STORE_PUT_CANCEL:
        case STORE_PUT_START:
        case STORE_PURGE:
        case STORE_DROP_CLIENT:
                return;
        }
}
