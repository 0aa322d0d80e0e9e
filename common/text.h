/* Text: names, sizes, escaping, suggestions. Pure; buffers are the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_MAX_LENGTH 64 /* queues, pools, limits, groups */

/* A name of a queue, pool, limit or group: [A-Za-z0-9_.-]{1,64}. */
bool name_is_valid(const char *text);
bool name_is_valid_n(const char *text, size_t size);

bool utf8_is_valid(const void *data, size_t size);

/* Sizes: `512`, `64K`, `512M`, `2G`, `1T` (powers of 1024; an optional B or iB after the letter). 0, -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *ret);
/* For people: "512 B", "1.5 KiB", "2 GiB". */
const char *size_format(uint64_t bytes, char *buf, size_t size);

/* A whole decimal number and nothing else (no sign for u64, no blanks). 0, -EINVAL, -ERANGE. */
int u64_parse(const char *text, uint64_t *ret);
int i64_parse(const char *text, int64_t *ret);

/* Escapes control characters, backslashes and invalid UTF-8 as \n, \t, \xNN, so that untrusted text cannot move the
 * cursor or break a line. Cuts at a whole character and ends with "…" when buf is too small. Returns buf. */
const char *text_escape(const void *data, size_t length, char *buf, size_t size);

/* The candidate nearest to word by edit distance with transposition, case folded; NULL if none is near enough to be
 * meant (distance over a third of the word's length, at least 1 allowed). Ties: the first. */
const char *text_nearest(const char *word, const char *const *candidates, size_t n);

/* argv as one line that a POSIX shell would read back as the same words; quotes only where needed; at most size - 1
 * bytes, cut at a whole UTF-8 character with "…". */
const char *text_shell_quote(char *const *argv, size_t argc, char *buf, size_t size);
