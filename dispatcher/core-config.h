/* From the configuration of the instance to what the core needs of it. */
#pragma once

#include "config/config.h"
#include "dispatcher/core/core.h"

/* Gives config to core; pools whose handler differs from the one in old (may be NULL) have their
 * workers replaced. 0 or -ENOMEM. */
int core_apply_config(Core *core, const Config *config, const Config *old);
