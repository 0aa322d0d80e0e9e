/* The scanner: from the text of files to one text without includes, with its map of lines. */
#pragma once

#include "config/source.h"

/* Fills a zeroed s. 0; -ENOMEM; or what was reported. s needs source_done in any case. */
int scan_source(Source *s, SourceKind kind, const char *name, const char *text, size_t size,
                size_t limit_bytes, Report *report);
