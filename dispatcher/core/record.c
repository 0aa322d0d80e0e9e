/* What an operation for the store owns. See record.h. */
#include "dispatcher/core/record.h"

static void run_done(RunRecord *run) {
        blob_slice_drop(&run->out);
        blob_slice_drop(&run->err);
        blob_slice_drop(&run->result);
        blob_slice_drop(&run->detail);
}

static void task_done(TaskRecord *task) {
        blob_slice_drop(&task->name);
        blob_slice_drop(&task->summary);
        blob_slice_drop(&task->labels);
        blob_slice_drop(&task->environment);
        blob_slice_drop(&task->payload);
}

void store_op_done(StoreOp *op) {
        switch (op->kind) {
        case STORE_PUT_TASK:
                task_done(&op->task);
                return;
        case STORE_PUT_END:
        case STORE_PUT_ATTEMPT:
                run_done(&op->run);
                return;
        case STORE_PUT_CLIENT:
                blob_slice_drop(&op->client.answers);
                return;
        case STORE_PUT_CANCEL:
        case STORE_PUT_START:
        case STORE_DROP_CLIENT:
                return;
        }
}
