/* A configuration as people look at it: every setting by its name, with its value and where it was
 * given; and what differs between two. */
#pragma once

#include "config/config.h"

typedef struct ConfigSetting {
        char *name;        /* "daemon.log_level", "pools.NAME.workers" */
        char *value;       /* as it is written in a file, which is JSON as well */
        ConfigPlace place; /* its file belongs to the Config */
} ConfigSetting;

typedef struct ConfigSettings {
        ConfigSetting *items;
        size_t count;
} ConfigSettings;

/* Adds every setting of c, in the order of the documentation, to s, which must be zeroed before and
 * needs config_settings_done in any case. 0 or -ENOMEM. */
int config_settings(const Config *c, ConfigSettings *s);
void config_settings_done(ConfigSettings *s);

/* What a running instance would feel of going from one configuration to the other, a line each,
 * with when it takes effect. 0 or -ENOMEM. */
int config_changes(const Config *from, const Config *to, ConfigFindings *changes);

/* What it could not take over without a restart, as findings with their places. 0: nothing. -EBUSY
 * or -ENOMEM. */
int config_refusals(const Config *from, const Config *to, ConfigFindings *refusals);
