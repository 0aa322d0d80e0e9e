/* CONFIG: the configuration in force, with where each value of it was given. It holds no secrets:
 * whoever may submit may look. */
#include "config/settings.h"
#include "dispatcher/requests/request.h"

#include <errno.h>
#include <string.h>

#define ANSWER_BYTES (256u << 10) /* about; a single value can have WIRE_SETTING_MAX */

static WireSetting setting_of(const ConfigSetting *s) {
        return (WireSetting){
                .name = wire_text(s->name),
                .value = wire_text(s->value),
                .file = wire_text(s->place.file ? s->place.file : ""),
                .line = s->place.line,
        };
}

/* As many as fit from number first on. Returns how many. */
static size_t settings_fill(const ConfigSettings *all, uint64_t first, WireSetting *ret) {
        size_t n = 0, bytes = 0;

        for (size_t i = first; i < all->count && bytes < ANSWER_BYTES && n < WIRE_SETTINGS_MAX;
             i++) {
                ret[n] = setting_of(&all->items[i]);
                bytes += ret[n].name.size + ret[n].value.size + ret[n].file.size;
                n++;
        }
        return n;
}

void request_config(RequestContext *x, ClientMessage *m) {
        const WireConfig *config = m->body;
        _cleanup_(config_settings_done) ConfigSettings all = {0};
        _cleanup_(freep) WireSetting *settings = calloc(WIRE_SETTINGS_MAX, sizeof *settings);
        if (!settings || config_settings(x->config, &all) < 0) {
                request_read_failed(x, &m->origin, -ENOMEM);
                return;
        }
        WireConfigData body = {
                .generation = x->generation,
                .total = all.count,
                .settings = {settings, settings_fill(&all, config->first, settings)},
        };
        client_link_reply(x->clients, &m->origin, WIRE_TYPE_CONFIG_DATA, &body, (BlobSlice){0});
}
