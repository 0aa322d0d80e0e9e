/* See settings.h: a walk over the table of keys and the records that they are in. */
#include "config/settings.h"

#include "config/value.h"

#include <errno.h>
#include <stdlib.h>

#define LABEL_SIZE (CONFIG_NAME_MAX + 32)

static int add_setting(ConfigSettings *s, const ConfigKey *key, const char *label,
                       const void *record) {
        ConfigSetting *items = reallocarray(s->items, s->count + 1, sizeof *items);

        if (!items)
                return -ENOMEM;
        s->items = items;
        ConfigSetting *setting = &items[s->count++];
        *setting = (ConfigSetting){.value = value_text(key, record),
                                   .place = value_place(key, record)};
        if (asprintf(&setting->name, "%s.%s", label, key->name) < 0)
                setting->name = NULL; /* undefined after a failure */
        return setting->name && setting->value ? 0 : -ENOMEM;
}

static int add_record(ConfigSettings *s, const ConfigKeys *keys, const char *label,
                      const void *record) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < keys->count; i++)
                r = add_setting(s, &keys->items[i], label, record);
        return r;
}

static int add_list(ConfigSettings *s, const ConfigKeys *keys, const Config *c) {
        ConfigEntries entries = config_entries(c, keys->group);
        char label[LABEL_SIZE];
        int r = 0;

        for (size_t i = 0; r == 0 && i < entries.count; i++) {
                const char *record = config_entry(&entries, i);
                snprintf(label, sizeof label, "%s.%s", keys->group, record);
                r = add_record(s, keys, label, record);
        }
        return r;
}

int config_settings(const Config *c, ConfigSettings *s) {
        ConfigKeys keys;
        int r = 0;

        for (size_t i = 0; r == 0 && config_schema_group(i, &keys); i++)
                r = config_group_is_list(keys.group) ? add_list(s, &keys, c)
                                                     : add_record(s, &keys, keys.group, c);
        return r;
}

void config_settings_done(ConfigSettings *s) {
        for (size_t i = 0; i < s->count; i++) {
                free(s->items[i].name);
                free(s->items[i].value);
        }
        free(s->items);
        *s = (ConfigSettings){0};
}
