/* See queue-name.h. */
#include "client/cli/queue-name.h"

#include "common/text.h"

#include <string.h>

#define NAMES_MAX 256 /* that a suggestion is looked for among */

const char *queue_name_set(const char **ret, const char *value) {
        *ret = value;
        return name_is_valid(value)
                       ? NULL
                       : "is no name of a queue: write 1 to 64 characters of A-Z a-z 0-9 _ . -";
}

int queue_name_check(StintClient *client, const char *name, Error *error) {
        StintStatus *status;
        const char *names[NAMES_MAX];
        size_t n = 0;
        bool known = false;
        int r = stint_status(client, &status);
        if (r < 0)
                return client_error(client, r, error);
        for (const StintQueueStatus *const *q = status->queues; *q && !known; q++) {
                known = strcmp((*q)->name, name) == 0;
                if (n < ARRAY_SIZE(names))
                        names[n++] = (*q)->name;
        }
        const char *nearest = text_nearest(name, names, n);
        if (!known)
                r = error_set(error, EXIT_DATA, "there is no queue %s: %s%s%s", name,
                              nearest ? "did you mean " : "`stint status` lists the queues",
                              nearest ? nearest : "", nearest ? "?" : "");
        stint_status_free(status);
        return r;
}
