/* A configuration together with its sealed text, as who reads the files holds it. */
#pragma once

#include "config/config.h"

typedef struct SealedConfig {
        Config *config; /* NULL: there is none */
        int fd;         /* config_seal; -1: there is none */
} SealedConfig;

#define SEALED_CONFIG_NONE ((SealedConfig){.fd = -1})

/* Reads the files. in_force: the configuration that a running instance is to leave for it, or NULL;
 * what needs a restart is then a finding as well. 0, or negative errno and SEALED_CONFIG_NONE in
 * ret; a lack of memory has no findings. */
int sealed_config_load(const InstancePaths *paths, ConfigPresence presence, const Config *in_force,
                       ConfigFindings *findings, SealedConfig *ret);
void sealed_config_done(SealedConfig *c); /* leaves SEALED_CONFIG_NONE */
