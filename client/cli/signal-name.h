/* Signals as people name them. */
#pragma once

/* Reads TERM, SIGTERM, term or 15. NULL, or what is wrong, with the nearest name; valid until the
 * next call. */
const char *signal_parse(const char *text, int *ret);
