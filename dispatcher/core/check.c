/* See core.h. */
#include "dispatcher/core/state.h"
void core_check(const Core *c) {
        ASSERT(c);
}
