/* The configuration in force, asked for in as many requests as it takes. A reload between two of
 * them would mix two configurations: then it is asked for from the start. */
#include "client/client.h"

#include <errno.h>
#include <string.h>

typedef struct Settings {
        StintConfig config;   /* what the caller has */
        StintSetting **items; /* a block each, with its texts; NULL behind the last */
        size_t count, alloc;
} Settings;

static void settings_clear(Settings *s) {
        for (size_t i = 0; i < s->count; i++)
                free(s->items[i]);
        s->count = 0;
}

static void settings_free(Settings *s) {
        settings_clear(s);
        free(s->items);
        free(s);
}

static char *put_text(char *to, WireText text, const char **ret) {
        if (text.size)
                memcpy(to, text.data, text.size);
        to[text.size] = '\0';
        *ret = to;
        return to + text.size + 1;
}

static StintSetting *setting_new(const WireSetting *w) {
        StintSetting *s = malloc(sizeof *s + w->name.size + w->value.size + w->file.size + 3);
        if (!s)
                return NULL;
        *s = (StintSetting){.line = w->line};
        char *end = put_text((char *)(s + 1), w->name, &s->name);
        end = put_text(end, w->value, &s->value);
        put_text(end, w->file, &s->file);
        if (!w->file.size)
                s->file = NULL;
        return s;
}

static int settings_add(Settings *s, const WireConfigData *w) {
        if (s->count + w->settings.count + 1 > s->alloc) {
                size_t alloc = s->count + w->settings.count + 1;
                StintSetting **items = reallocarray(s->items, alloc, sizeof *items);
                if (!items)
                        return -ENOMEM;
                s->items = items;
                s->alloc = alloc;
        }
        for (size_t i = 0; i < w->settings.count; i++)
                if (!(s->items[s->count++] = setting_new(&w->settings.items[i])))
                        return -ENOMEM;
        s->items[s->count] = NULL;
        return 0;
}

/* 1: all is there; 0: ask on. */
static int settings_ask(StintClient *client, Settings *s) {
        SessionAnswer answer;
        int r = client_call(client, WIRE_TYPE_CONFIG, &(WireConfig){.first = s->count},
                            (BlobSlice){0}, WIRE_TYPE_CONFIG_DATA, &answer);
        if (r < 0)
                return r;
        const WireConfigData *w = answer.body;
        if (s->count > 0 && w->generation != s->config.generation) {
                settings_clear(s);
                return 0;
        }
        s->config.generation = w->generation;
        if (settings_add(s, w) < 0)
                return client_fail(client, STINT_FAILED, "out of memory");
        if (s->count < w->total && !w->settings.count)
                return client_fail(client, STINT_FAILED,
                                   "cannot read the configuration: the answer ends early");
        return s->count >= w->total;
}

int stint_config(StintClient *client, StintConfig **ret) {
        Settings *s = calloc(1, sizeof *s);
        if (!s)
                return client_fail(client, STINT_FAILED, "out of memory");

        int r = 0;
        while (r == 0)
                r = settings_ask(client, s);
        if (r < 0) {
                settings_free(s);
                return r;
        }
        s->config.settings = (const StintSetting *const *)s->items;
        *ret = &s->config;
        return 0;
}

StintConfig *stint_config_free(StintConfig *config) {
        if (config)
                settings_free((Settings *)config); /* its first member */
        return NULL;
}
