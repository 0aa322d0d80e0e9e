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

/* Sizes: `512`, `64K`, `512M`, `2G`, `1T` (powers of 1024; the letter in either case, an optional B
 * or iB after it). 0, -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *ret);
/* For people, rounded down: "512 B", "1.5 KiB", "2 GiB". */
const char *size_format(uint64_t bytes, char *buf, size_t size);

/* A whole decimal number and nothing else (no blanks; a sign only for i64). 0, -EINVAL, -ERANGE. */
int u64_parse(const char *text, uint64_t *ret);
int i64_parse(const char *text, int64_t *ret);

/* Escapes control characters (C0, C1, line separators, bidirectional controls), backslashes and
 * invalid UTF-8 as \n, \r, \t, \\, \xNN a byte, so that untrusted text cannot move the cursor,
 * break a line or turn its direction. When buf is too small it is cut at a whole character or
 * escape and ends with "…", if that fits at all. Returns buf, or "" when size is 0. */
const char *text_escape(const void *data, size_t length, char *buf, size_t size);

/* The candidate nearest to word by edit distance with transposition, case folded; NULL if none is
 * near enough to be meant (a distance over a third of the word's length, at least 1 allowed; or
 * nothing in common). Of equals the first whose first letter is that of word, else the first. Words
 * and candidates over 64 bytes are near to nothing. */
const char *text_nearest(const char *word, const char *const *candidates, size_t n);

/* argv as a command that a POSIX shell reads back as the same words; quotes only where needed; at
 * most size - 1 bytes, cut at a whole UTF-8 character with "…". Control characters stay what they
 * are, since a shell has no portable escape for them: what is shown to a person goes through
 * text_escape too. */
const char *text_shell_quote(char *const *argv, size_t argc, char *buf, size_t size);
