/* Prints the keys of the configuration for stintd.conf(5), from the table by which the loader
 * checks them: a line each of group, key, what it may be, default, what holds without a default,
 * meaning and effect of a change, separated by tabs. */
#include "config/schema.h"
#include "config/value.h"

int main(void) {
        size_t count;
        const ConfigKey *keys = config_schema(&count);
        for (size_t i = 0; i < count; i++) {
                const ConfigKey *k = &keys[i];
                char expected[512];
                printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k->group, k->name,
                       value_expected(k, expected, sizeof expected), k->fallback ? k->fallback : "",
                       k->fallback_note ? k->fallback_note : "", k->meaning, k->effect);
        }
        return ferror(stdout) || fflush(stdout) != 0;
}
