/* libFuzzer's way into the wire: any bytes as a header frame. What decodes must encode again,
 * within every bound. Built with clang only; the seeds come from wire-seeds. Run: fuzz-wire CORPUS
 * tests/fuzz/wire-corpus -max_total_time=30 */
#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static WireReader *reader;
        static WireBuffer buffer;
        WireMessage m;

        if (!reader)
                ASSERT(wire_reader_new(&reader) == 0);
        (void)wire_validate(data, size, WIRE_DEPTH_LIMIT);
        if (wire_decode(reader, data, size, &m) == 0)
                ASSERT(wire_encode(&buffer, m.type, m.request_id, m.body) == 0);
        return 0;
}
