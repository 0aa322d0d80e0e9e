/* Errors that a person reads: one line `PROGRAM: what failed: why; what to do` and an exit code.
 * A function that can fail for reasons the user must hear takes an `Error *` and fills it once,
 * where the failure is understood; everything else returns a negative errno. Texts are filled with
 * names as they are: error_print escapes them. */
#pragma once

#include "common/macro.h"

/* sysexits.h by the names of the product, and the codes of run and wait. */
enum {
        EXIT_USAGE = 64, /* wrong words on the command line */
        EXIT_DATA = 65,  /* bad data or an unknown id */
        EXIT_NO_DISPATCHER = 69,
        EXIT_SOFTWARE = 70, /* an invariant of ours broke */
        EXIT_IO = 74,
        EXIT_TRY_AGAIN = 75, /* queue full, disk nearly full */
        EXIT_PROTOCOL = 76,  /* the peer speaks another version */
        EXIT_NO_PERMISSION = 77,
        EXIT_CONFIG = 78,
        EXIT_TIMED_OUT = 124,
        EXIT_STINT_FAILED = 125, /* run/map themselves failed */
        EXIT_CANNOT_EXECUTE = 126,
        EXIT_NOT_FOUND = 127,
        EXIT_SIGNAL_BASE = 128,
};

#define ERROR_TEXT_MAX 512

typedef struct Error {
        int code; /* exit code; 0: no error */
        char text[ERROR_TEXT_MAX];
} Error;

/* Fills e (may be NULL) and returns -code, so that `return error_set(...)` reads well. Later calls
 * overwrite; a text that is too long is cut and ends with "…". */
int error_set(Error *e, int code, const char *format, ...) _printf_(3, 4);

/* "PROGRAM: TEXT\n" on stderr in one write, control characters escaped. */
void error_print(const char *program, const Error *e);
