/* See origins.h. */
#include "dispatcher/core/origins.h"

#include <stdlib.h>
#include <string.h>

void origins_done(Origins *o) {
        free(o->others);
        *o = (Origins){0};
}

size_t origins_count(const Origins *o) {
        return MIN_OF(o->count, ORIGINS_MAX);
}

const CoreOrigin *origins_at(const Origins *o, size_t i) {
        return i == 0 ? &o->first : &o->others[i - 1];
}

static bool origin_is(const CoreOrigin *a, const CoreOrigin *b) {
        return a->request_id == b->request_id && a->route_size == b->route_size &&
               memcmp(a->route, b->route, sizeof(a->route)) == 0;
}

void origins_add(Origins *o, const CoreOrigin *origin) {
        for (size_t i = 0; i < origins_count(o); i++)
                if (origin_is(origins_at(o, i), origin))
                        return;
        if (o->count == 1 && !o->others)
                o->others = calloc(ORIGINS_MAX - 1, sizeof(*o->others));
        if (o->count > 0 && !o->others)
                o->count = 0;
        size_t place = o->count++ % ORIGINS_MAX;
        if (place == 0)
                o->first = *origin;
        else
                o->others[place - 1] = *origin;
}
