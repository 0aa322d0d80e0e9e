/* The in-process ZAP handler (ZeroMQ RFC 27): without one for its domain libzmq admits everybody.
 * It refuses a connection whose kernel-given address cannot be read; what a uid may do is decided
 * per request, where it can be answered. */
#pragma once

#include "common/macro.h"

#include <systemd/sd-event.h>

#define ZAP_DOMAIN "stint"

typedef struct Zap Zap;

/* Must be made before the first socket with ZAP_DOMAIN is bound. */
int zap_new(sd_event *event, void *context, int64_t priority, Zap **ret);
Zap *zap_free(Zap *z); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Zap *, zap_free)
uint64_t zap_refused(const Zap *z);
