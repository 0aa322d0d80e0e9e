/* What differs between two configurations, told for people: a line a key, but an entry that is new
 * or gone is one line. Values are compared as they are written, so no type needs a rule here. */
#include "config/findings.h"
#include "config/settings.h"
#include "config/value.h"

#include <errno.h>
#include <string.h>

#define LABEL_SIZE (CONFIG_NAME_MAX + 32)

typedef struct Comparison {
        const Config *from, *to;
        /* One of them: a line for each change that a reload makes, or for each that it cannot make.
         */
        ConfigFindings *changes;
        Report *refusals;
} Comparison;

static const char *effect_text(ConfigEffect effect) {
        return effect == EFFECT_NEW_TASKS ? "for tasks that are submitted from now on" : "at once";
}

static int tell_change(const Comparison *c, const ConfigKey *key, const char *label,
                       const char *before, const char *after) {
        if (!c->changes || key->effect == EFFECT_RESTART)
                return 0;
        return findings_add(c->changes, "%s.%s: %s → %s (%s%s%s)", label, key->name, before, after,
                            effect_text(key->effect), key->effect_note ? ": " : "",
                            key->effect_note ? key->effect_note : "");
}

static int tell_refusal(const Comparison *c, const ConfigKey *key, const char *label,
                        const char *before, const char *after, ConfigPlace place) {
        if (!c->refusals || key->effect != EFFECT_RESTART)
                return 0;
        report_add(c->refusals, -EBUSY, place,
                   "%s.%s: %s → %s: changes only with a restart; restart stintd, or put the old "
                   "value back to reload the rest",
                   label, key->name, before, after);
        return 0;
}

static int compare_key(const Comparison *c, const ConfigKey *key, const char *label,
                       const void *from, const void *to) {
        _cleanup_(freep) char *before = value_text(key, from);
        _cleanup_(freep) char *after = value_text(key, to);

        if (!before || !after)
                return -ENOMEM;
        if (strcmp(before, after) == 0)
                return 0;
        int r = tell_change(c, key, label, before, after);
        return r < 0 ? r : tell_refusal(c, key, label, before, after, value_place(key, to));
}

static int compare_record(const Comparison *c, const ConfigKeys *keys, const char *label,
                          const void *from, const void *to) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < keys->count; i++)
                r = compare_key(c, &keys->items[i], label, from, to);
        return r;
}

/* ---- entries of lists ---- */

static int tell_entry(const Comparison *c, const ConfigKeys *keys, const char *name,
                      const char *what, const char *note) {
        if (!c->changes)
                return 0;
        return findings_add(c->changes, "%s.%s: %s (at once%s%s)", keys->group, name, what,
                            note ? ": " : "", note ? note : "");
}

static int compare_entry(const Comparison *c, const ConfigKeys *keys, const char *from,
                         const char *to) {
        char label[LABEL_SIZE];

        if (!from)
                return tell_entry(c, keys, to, "new", NULL);
        snprintf(label, sizeof label, "%s.%s", keys->group, to);
        return compare_record(c, keys, label, from, to);
}

static int compare_list(const Comparison *c, const ConfigKeys *keys) {
        ConfigEntries from = config_entries(c->from, keys->group),
                      to = config_entries(c->to, keys->group);
        int r = 0;

        for (size_t i = 0; r == 0 && i < to.count; i++) {
                const char *entry = config_entry(&to, i);
                r = compare_entry(c, keys, config_entry_find(&from, entry), entry);
        }
        for (size_t i = 0; r == 0 && i < from.count; i++) {
                const char *entry = config_entry(&from, i);
                if (!config_entry_find(&to, entry))
                        r = tell_entry(c, keys, entry, "gone", keys->items[0].effect_note);
        }
        return r;
}

/* ---- the whole ---- */

static int compare(const Comparison *c) {
        ConfigKeys keys;
        int r = 0;

        for (size_t i = 0; r == 0 && config_schema_group(i, &keys); i++)
                r = config_group_is_list(keys.group)
                            ? compare_list(c, &keys)
                            : compare_record(c, &keys, keys.group, c->from, c->to);
        return r;
}

int config_changes(const Config *from, const Config *to, ConfigFindings *changes) {
        return compare(&(Comparison){.from = from, .to = to, .changes = changes});
}

int config_refusals(const Config *from, const Config *to, ConfigFindings *refusals) {
        Report report = {.findings = refusals};

        int r = compare(&(Comparison){.from = from, .to = to, .refusals = &report});
        return r < 0 ? r : report_end(&report);
}
