/* A directory of configuration files for one test: stintd.conf and conf.d, removed at its end.
 * Lines of findings are compared with the directory's name left out. One at a time, for one thread.
 */
#pragma once

#include "config/settings.h"

#include <criterion/criterion.h>

void harness_start(void); /* .init of a test */
void harness_end(void);   /* .fini of a test */

/* Writes a file below the directory, creating its directory; size bytes or, for text, all of it. */
void write_file(const char *name, const char *text);
void write_bytes(const char *name, const void *data, size_t size);
const char *path_of(const char *name); /* static buffer */

/* Loads what is there; the test fails if there are findings. The harness owns the result. */
const Config *load_good(void);

/* Loads what is there and requires exactly these findings, in order, ended by NULL. */
void expect_findings(const char *first, ...);

/* The error and the only finding of a load; the harness owns it. */
int load_bad(ConfigPresence presence, const char **ret_only_finding);

/* Writes stintd.conf and requires exactly one finding. */
void expect_finding_of(const char *text, const char *finding);

/* Every setting equal, with where it was given. */
void expect_same_settings(const Config *a, const Config *b);

/* Every field equal. */
void expect_same_config(const Config *a, const Config *b);

InstancePaths *harness_paths(void);
