/* See options.h. */
#include "host/options.h"

#include "common/text.h"

#include <string.h>

#define OPTIONS_MAX 32

static int refuse(const char *word, const struct option options[], const char *program,
                  Error *error) {
        const char *names[OPTIONS_MAX];
        size_t n = 0;
        for (; options[n].name && n < OPTIONS_MAX; n++)
                names[n] = options[n].name;
        const char *near = strncmp(word, "--", 2) == 0 ? text_nearest(word + 2, names, n) : NULL;
        if (near && strcmp(near, word + 2) == 0)
                return error_set(error, EXIT_USAGE, "%s lacks its value: see %s --help", word,
                                 program);
        if (near)
                return error_set(error, EXIT_USAGE, "unknown option %s: did you mean --%s?", word,
                                 near);
        return error_set(error, EXIT_USAGE, "unknown argument '%s': see %s --help", word, program);
}

int options_next(int argc, char **argv, const struct option options[], const char *program,
                 Error *error) {
        opterr = 0;
        int c = getopt_long(argc, argv, "", options, NULL);
        if (c == '?')
                return refuse(argv[optind - 1], options, program, error);
        if (c == OPTIONS_END && optind < argc)
                return refuse(argv[optind], options, program, error);
        return c;
}
