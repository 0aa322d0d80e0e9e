/* Why an attempt ended, in words for people: "exit code 3", "killed by signal 9 (KILL)". They stand
 * behind the state, so they do not say it again: "cancelled: by uid 1000". */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* reason: an EndReason; name: what that is called, NULL: unknown. "" for none. Returns buf. */
const char *end_text(const char *name, unsigned reason, int64_t code, char *buf, size_t size);
