/* Prints the keys of the configuration for stintd.conf(5), from the table by which the loader
 * checks them: a line each of group, key, what it may be, default, what holds without a default,
 * meaning and effect of a change, separated by tabs. */
#include "config/schema.h"
#include "config/value.h"

static void print_effect(const ConfigKey *k) {
        static const char *const effects[] = {
                [EFFECT_AT_ONCE] = "at once with a reload",
                [EFFECT_NEW_TASKS] = "with a reload, for tasks that are submitted from then on",
                [EFFECT_RESTART] = "only with a restart: a reload that has it is refused",
        };
        printf("%s%s%s.", effects[k->effect], k->effect_note ? "; " : "",
               k->effect_note ? k->effect_note : "");
}

int main(void) {
        size_t count;
        const ConfigKey *keys = config_schema(&count);
        for (size_t i = 0; i < count; i++) {
                const ConfigKey *k = &keys[i];
                char expected[512];
                printf("%s\t%s\t%s\t%s\t%s\t%s\t", k->group, k->name,
                       value_expected(k, expected, sizeof expected), k->fallback ? k->fallback : "",
                       k->fallback_note ? k->fallback_note : "", k->meaning);
                print_effect(k);
                putchar('\n');
        }
        return ferror(stdout) || fflush(stdout) != 0;
}
