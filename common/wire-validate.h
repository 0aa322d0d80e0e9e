/* The look at raw MessagePack bytes that comes before any decoding; see wire-validate.c. Internal
 * to the wire modules, everybody else calls wire_validate. */
#pragma once

#include <stddef.h>

/* As wire_validate; *ret_values is how many values there are, containers included. */
int wire_count_values(const void *data, size_t size, unsigned depth_max, size_t *ret_values);
