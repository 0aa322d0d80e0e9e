/* See signal-name.h. */
#include "client/cli/signal-name.h"

#include "common/macro.h"
#include "common/text.h"

#include <signal.h>
#include <string.h>

static const char *refuse(const char *name) {
        static char objection[128];
        const char *names[NSIG], *nearest;
        size_t n = 0;
        for (int s = 1; s < NSIG; s++)
                if (sigabbrev_np(s))
                        names[n++] = sigabbrev_np(s);
        nearest = text_nearest(name, names, n);
        snprintf(objection, sizeof objection, "is no signal: %s%s",
                 nearest ? "did you mean " : "write TERM, INT, KILL … or a number",
                 nearest ? nearest : "");
        if (nearest)
                strcat(objection, "?");
        return objection;
}

const char *signal_parse(const char *text, int *ret) {
        uint64_t number;
        if (u64_parse(text, &number) == 0) {
                *ret = (int)number;
                return number > 0 && number < (uint64_t)NSIG
                               ? NULL
                               : "is no signal: their numbers go from 1 to 64";
        }
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int s = 1; s < NSIG; s++) {
                const char *name = sigabbrev_np(s);
                if (name && strcasecmp(name, text) == 0) {
                        *ret = s;
                        return NULL;
                }
        }
        return refuse(text);
}
