/* See outcome.h. */
#include "client/cli/outcome.h"

#include <inttypes.h>

int outcome_select(const Invocation *x, size_t first, const SelectionFilter *filter,
                   StintClient **ret_client, Selection *ret, Error *error) {
        _cleanup_(selectors_done) SelectorList selectors = {0};
        size_t n = x->operand_count > first ? x->operand_count - first : 0;
        int r = selection_named(x->command->name, x->operands + first, n, &selectors, error);
        if (r == 0)
                r = invocation_connect(x, 0, error, ret_client);
        return r < 0 ? r : selection_add(*ret_client, &selectors, x->args, filter, ret, error);
}

int outcome_error(const StintOutcome *o, Error *error) {
        char such[64] = "";
        size_t count = o->denied_count ? o->denied_count : o->unknown_count;
        if (count > 1)
                snprintf(such, sizeof such, " (%zu such in all)", count);
        if (o->denied_count)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "task %" PRIu64 " belongs to another user%s: ask them, or root",
                                 o->denied[0], such);
        if (o->unknown_count)
                return error_set(error, EXIT_DATA,
                                 "there is no task %" PRIu64 "%s: see `stint list`", o->unknown[0],
                                 such);
        return 0;
}

json_t *outcome_json(const StintOutcome *o, const char *done, const char *other) {
        return json_pack("{sI sI sI sI}", done, (json_int_t)o->done, other, (json_int_t)o->other,
                         "unknown", (json_int_t)o->unknown_count, "denied",
                         (json_int_t)o->denied_count);
}
