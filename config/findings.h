/* How the loader's parts report: a place in a file, and a report that collects findings and
 * remembers the first error, so that checking goes on after a finding and cannot end as success. */
#pragma once

#include "config/config.h"

typedef struct Report {
        ConfigFindings *findings;
        int error;      /* of the first finding; 0: none yet */
        size_t dropped; /* findings beyond CONFIG_FINDINGS_MAX */
} Report;

/* Adds a line "FILE:LINE: TEXT" and returns error (a negative errno), so that `return
 * report_add(…)` reads well. The text must be free of control characters: see text_escape. */
int report_add(Report *r, int error, ConfigPlace at, const char *format, ...) _printf_(4, 5);

/* Adds a line without a place, however many there are. 0 or -ENOMEM. */
int findings_add(ConfigFindings *f, const char *format, ...) _printf_(2, 3);

/* Says how many findings were left out, if any; returns the error of the whole: 0, or the first. */
int report_end(Report *r);
