/* `stint config`: the configuration in force, and where each value of it was given. */
#include "client/cli/columns.h"
#include "client/cli/json.h"
#include "client/cli/pager.h"
#include "common/text.h"

#include <inttypes.h>
#include <string.h>

typedef struct ConfigOptions {
        bool given;
} ConfigOptions;

static const char *set_given(void *target, const char *value) {
        ((ConfigOptions *)target)->given = true;
        return NULL;
}

static const Option rows[] = {
        {"given", 0, NULL, "only what a file gives, no defaults", set_given},
};
static const OptionGroup config_options = {"Which keys", rows, ARRAY_SIZE(rows)};

static inline void stint_config_freep(StintConfig **config) {
        stint_config_free(*config);
}

/* ---- which ---- */

/* "pools.mail.workers" is itself, and is in "pools" and in "pools.mail". */
static bool is_in(const char *name, const char *key) {
        size_t size = strlen(key);
        return strncmp(name, key, size) == 0 && (name[size] == '\0' || name[size] == '.');
}

static bool is_wanted(const Invocation *x, const StintSetting *s) {
        const ConfigOptions *options = x->args;
        bool named = x->operand_count == 0;
        for (size_t i = 0; i < x->operand_count; i++)
                named |= is_in(s->name, x->operands[i]);
        return named && (s->file || !options->given);
}

#define KEY_SIZE 160

/* The first so many parts of a name: pools.mail of pools.mail.workers. */
static void first_parts(const char *name, size_t parts, char ret[KEY_SIZE]) {
        size_t size = 0;
        while (name[size] && (name[size] != '.' || --parts > 0))
                size++;
        snprintf(ret, KEY_SIZE, "%.*s", (int)size, name);
}

static int unknown_key(const StintConfig *config, const char *key, Error *error) {
        size_t count = 0, parts = 1;
        while (config->settings[count])
                count++;
        for (const char *dot = key; (dot = strchr(dot, '.')); dot++)
                parts++;
        _cleanup_(freep) const char **names = calloc(count + 1, sizeof *names);
        _cleanup_(freep) char(*texts)[KEY_SIZE] = calloc(count + 1, sizeof *texts);
        for (size_t i = 0; names && texts && i < count; i++) {
                first_parts(config->settings[i]->name, parts, texts[i]);
                names[i] = texts[i];
        }
        const char *nearest = names && texts ? text_nearest(key, names, count) : NULL;
        if (!nearest)
                return error_set(error, EXIT_DATA,
                                 "there is no key %s in force; `stint config` shows all of them",
                                 key);
        return error_set(error, EXIT_DATA, "there is no key %s in force; did you mean %s?", key,
                         nearest);
}

static int check_keys(const Invocation *x, const StintConfig *config, Error *error) {
        for (size_t i = 0; i < x->operand_count; i++) {
                const StintSetting *const *s = config->settings;
                while (*s && !is_in((*s)->name, x->operands[i]))
                        s++;
                if (!*s)
                        return unknown_key(config, x->operands[i], error);
        }
        return 0;
}

/* ---- printing ---- */

static json_t *setting_json(const StintSetting *s) {
        json_t *o = json_object();
        json_t *value = json_loads(s->value, JSON_DECODE_ANY, NULL);
        json_set_text(o, "key", s->name);
        json_object_set_new(o, "value", value ? value : json_text(s->value));
        json_object_set_new(o, "file", s->file ? json_text(s->file) : json_null());
        json_object_set_new(o, "line", s->file ? json_integer((json_int_t)s->line) : json_null());
        return o;
}

static void print_json(const Invocation *x, const StintConfig *config) {
        json_t *keys = json_array();
        for (const StintSetting *const *s = config->settings; *s; s++)
                if (is_wanted(x, *s))
                        json_array_append_new(keys, setting_json(*s));
        json_print_object("config", json_pack("{sI so}", "generation",
                                              (json_int_t)config->generation, "keys", keys));
}

static void add_row(Columns *c, const StintSetting *s) {
        _cleanup_(freep) char *origin = NULL;
        columns_row(c);
        columns_text(c, s->name);
        columns_text(c, s->value);
        if (!s->file || asprintf(&origin, "%s:%" PRIu64, s->file, s->line) < 0)
                origin = NULL; /* undefined after a failure */
        columns_text(c, origin ? origin : "default");
}

static void print_table(const Invocation *x, const StintConfig *config) {
        static const Column columns[] = {
                {"KEY", COLUMN_TEXT, 0},
                {"VALUE", COLUMN_CUT, 0},
                {"GIVEN IN", COLUMN_TEXT, 0},
        };
        _cleanup_(columns_freep) Columns *c =
                columns_new(columns, ARRAY_SIZE(columns), &x->general);
        for (const StintSetting *const *s = config->settings; *s; s++)
                if (is_wanted(x, *s))
                        add_row(c, *s);
        pager_start(x);
        columns_print(c);
}

static int config_run(Invocation *x, Error *error) {
        _cleanup_(stint_freep) StintClient *client = NULL;
        _cleanup_(stint_config_freep) StintConfig *config = NULL;
        int r = invocation_connect(x, 0, error, &client);
        if (r < 0)
                return r;
        r = stint_config(client, &config);
        if (r < 0)
                return client_error(client, r, error);
        r = check_keys(x, config, error);
        if (r < 0)
                return r;
        if (x->general.json)
                print_json(x, config);
        else
                print_table(x, config);
        return 0;
}

const Command command_config = {
        .name = "config",
        .summary = "the configuration in force, and where each value was given",
        .synopsis = "[OPTION…] [KEY…]",
        .description = "KEY is a key, such as daemon.log_level, or what keys are in: store, "
                       "pools.default. What files say by now is another thing: stintd "
                       "--check-config checks them, stint reload puts them in force.",
        .groups = {&config_options},
        .examples = {"stint config", "stint config pools.default store.retention",
                     "stint --system config --given"},
        .args_size = sizeof(ConfigOptions),
        .run = config_run,
};
