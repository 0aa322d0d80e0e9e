/* See sealed.h. */
#include "config/sealed.h"

#include "config/settings.h"

#include <unistd.h>

int sealed_config_load(const InstancePaths *paths, ConfigPresence presence, const Config *in_force,
                       ConfigFindings *findings, SealedConfig *ret) {
        *ret = SEALED_CONFIG_NONE;
        int r = config_load(paths, presence, findings, &ret->config);
        if (r == 0 && in_force)
                r = config_refusals(in_force, ret->config, findings);
        if (r == 0)
                r = config_seal(ret->config, &ret->fd);
        if (r < 0)
                sealed_config_done(ret);
        return r;
}

void sealed_config_done(SealedConfig *c) {
        config_free(c->config);
        if (c->fd >= 0)
                close(c->fd);
        *c = SEALED_CONFIG_NONE;
}
