/* Walks a file's tree (not the table, so that nothing in the file goes unseen), takes what the
 * table knows into the draft and reports the rest. A finding never stops the walk. */
#include "config/draft.h"
#include "config/value.h"

#include "common/text.h"

#include <errno.h>
#include <string.h>

#define LABEL_SIZE (CONFIG_NAME_MAX + 32)
#define NAMES_MAX  16 /* keys and groups in one group */

/* ---- messages ---- */

static int report_value(Draft *d, const ConfigKey *key, const char *label, const Node *node) {
        const char *words[NAMES_MAX];
        char expected[256], value[160];
        const char *nearest = NULL;

        for (size_t i = 0; i < key->word_count; i++)
                words[i] = key->words[i].word;
        if (node->type == NODE_STRING && key->word_count > 0)
                nearest = text_nearest(node->text, words, key->word_count);
        value_expected(key, expected, sizeof expected);
        node_render(node, value, sizeof value);
        if (nearest)
                return report_add(d->report, -EINVAL, node->place,
                                  "%s.%s: must be %s, not %s; did you mean \"%s\"?", label,
                                  key->name, expected, value, nearest);
        return report_add(d->report, -EINVAL, node->place, "%s.%s: must be %s, not %s", label,
                          key->name, expected, value);
}

/* A group that has a key of this name, for a key that was written one level off; NULL: none. */
static const char *group_with(const char *name) {
        size_t n;
        const ConfigKey *keys = config_schema(&n);

        for (size_t i = 0; i < n; i++)
                if (strcmp(keys[i].name, name) == 0)
                        return keys[i].group;
        return NULL;
}

static void report_unknown(Draft *d, const char *group, const char *label, const Node *node) {
        const char *names[NAMES_MAX];
        size_t n = config_schema_names(group, names, NAMES_MAX);
        const char *nearest = text_nearest(node->name, names, n);
        const char *other = nearest ? NULL : group_with(node->name), *dot = *label ? "." : "";

        if (nearest)
                report_add(d->report, -EINVAL, node->place,
                           "%s%s%s: unknown key; did you mean \"%s\"?", label, dot, node->name,
                           nearest);
        else if (other)
                report_add(d->report, -EINVAL, node->place,
                           "%s%s%s: unknown key here; it belongs to %s", label, dot, node->name,
                           other);
        else
                report_add(d->report, -EINVAL, node->place,
                           "%s%s%s: unknown key; remove it or see stintd.conf(5)", label, dot,
                           node->name);
}

static void report_type(Draft *d, const char *label, const Node *node, const char *expected) {
        char value[160];

        report_add(d->report, -EINVAL, node->place, "%s: must be %s, not %s", label, expected,
                   node_render(node, value, sizeof value));
}

/* ---- entries of lists ---- */

/* `pools.NAME` if the entry has a name that can be shown, else `pools entry N`. */
static void entry_label(const char *group, const Node *entry, size_t index, char *buf) {
        const Node *name = node_member(entry, "name");

        if (name && name->type == NODE_STRING && name_is_valid(name->text))
                snprintf(buf, LABEL_SIZE, "%s.%s", group, name->text);
        else
                snprintf(buf, LABEL_SIZE, "%s entry %zu", group, index + 1);
}

/* Remembers where the value of key was given; the file's name is kept with the configuration, since
 * the tree goes. */
static int keep_place(Draft *d, const ConfigKey *key, void *record, ConfigPlace at) {
        Config *c = d->config;
        size_t i = 0;

        if (!at.file[0]) /* sealed, as a default */
                return 0;
        while (i < c->file_count && strcmp(c->files[i], at.file) != 0)
                i++;
        if (i == c->file_count) {
                char **files = reallocarray(c->files, i + 1, sizeof *files);
                if (!files)
                        return -ENOMEM;
                c->files = files;
                if (!(files[i] = strdup(at.file)))
                        return -ENOMEM;
                c->file_count++;
        }
        value_set_place(key, record, (ConfigPlace){.file = c->files[i], .line = at.line});
        return 0;
}

/* Fallbacks first, then what the entry says. Missing required keys are findings. */
static int entry_read(Draft *d, const char *group, const char *label, const Node *entry,
                      void *record) {
        size_t n;
        const ConfigKey *keys = config_schema(&n);

        for (size_t i = 0; i < n; i++) {
                if (strcmp(keys[i].group, group) != 0)
                        continue;
                if (keys[i].fallback)
                        value_set_fallback(&keys[i], record);
                else if (!node_member(entry, keys[i].name))
                        report_add(d->report, -EINVAL, entry->place, "%s: %s is missing", label,
                                   keys[i].name);
        }
        for (size_t i = 0; i < entry->count; i++) {
                const Node *node = &entry->items[i];
                const ConfigKey *key = config_schema_find(group, node->name);
                if (!key) {
                        report_unknown(d, group, label, node);
                        continue;
                }
                int r = value_read(key, node, record);
                if (r == 0)
                        r = keep_place(d, key, record, node->place);
                if (r == -EINVAL)
                        report_value(d, key, label, node);
                else if (r < 0)
                        return r;
        }
        return 0;
}

static void report_twice(Draft *d, ConfigPlace at, const char *label, ConfigPlace first) {
        char file[PATH_MAX];

        text_escape(first.file, strlen(first.file), file, sizeof file);
        report_add(d->report, -EINVAL, at,
                   "%s: the name is taken by %s:%u; rename or remove one of them", label, file,
                   first.line);
}

static int add_queue(Draft *d, const Node *entry, const char *label) {
        Config *c = d->config;
        QueueConfig queue = {0};

        int r = entry_read(d, "queues", label, entry, &queue);
        if (r < 0 || !queue.name[0])
                return r;
        const QueueConfig *same = config_queue(c, queue.name);
        if (same) {
                report_twice(d, node_member(entry, "name")->place, label, same->place.name);
                return 0;
        }
        if (c->queue_count == CONFIG_QUEUES_MAX) {
                report_add(d->report, -EINVAL, entry->place, "%s: more than %d queues", label,
                           CONFIG_QUEUES_MAX);
                return 0;
        }
        QueueConfig *queues = reallocarray(c->queues, c->queue_count + 1, sizeof *queues);
        if (!queues)
                return -ENOMEM;
        c->queues = queues;
        queues[c->queue_count++] = queue;
        return 0;
}

static int keep_pool(Draft *d, const Node *entry, const char *label, PoolConfig *pool) {
        Config *c = d->config;
        const PoolConfig *same = config_pool(c, pool->name);

        if (same) {
                report_twice(d, node_member(entry, "name")->place, label, same->place.name);
                return 0;
        }
        if (c->pool_count == CONFIG_POOLS_MAX) {
                report_add(d->report, -EINVAL, entry->place, "%s: more than %d pools", label,
                           CONFIG_POOLS_MAX);
                return 0;
        }
        PoolConfig *pools = reallocarray(c->pools, c->pool_count + 1, sizeof *pools);
        if (!pools)
                return -ENOMEM;
        c->pools = pools;
        pools[c->pool_count++] = *pool;
        pool->queues = NULL; /* given away */
        return 0;
}

static int add_pool(Draft *d, const Node *entry, const char *label) {
        PoolConfig pool = {0};

        int r = entry_read(d, "pools", label, entry, &pool);
        if (r == 0 && pool.name[0])
                r = keep_pool(d, entry, label, &pool);
        free(pool.queues);
        return r;
}

static int apply_list(Draft *d, const Node *list) {
        int (*add)(Draft *, const Node *, const char *) =
                strcmp(list->name, "queues") == 0 ? add_queue : add_pool;
        char label[LABEL_SIZE];

        if (add == add_queue)
                d->queues = QUEUES_GIVEN;
        else
                d->pools = POOLS_GIVEN;
        if (list->type != NODE_LIST || list->count == 0) {
                report_type(d, list->name, list,
                            "a list ( { name = \"…\"; … }, … ) of at least one");
                return 0;
        }
        for (size_t i = 0; i < list->count; i++) {
                const Node *entry = &list->items[i];
                entry_label(list->name, entry, i, label);
                if (entry->type != NODE_GROUP) {
                        report_type(d, label, entry, "a group { name = \"…\"; … }");
                        continue;
                }
                int r = add(d, entry, label);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- groups ---- */

static int apply_key(Draft *d, const ConfigKey *key, const Node *node) {
        int r = value_read(key, node, d->config);

        if (r == 0)
                r = keep_place(d, key, d->config, node->place);
        if (r == -EINVAL)
                report_value(d, key, key->group, node);
        return r == -ENOMEM ? r : 0;
}

static int apply_group(Draft *d, const char *group, const Node *tree) {
        char path[LABEL_SIZE];

        for (size_t i = 0; i < tree->count; i++) {
                const Node *node = &tree->items[i];
                const ConfigKey *key = config_schema_find(group, node->name);
                int r = 0;

                snprintf(path, sizeof path, "%s%s%.64s", group, *group ? "." : "", node->name);
                if (key)
                        r = apply_key(d, key, node);
                else if (config_group_is_list(path))
                        r = apply_list(d, node);
                else if (!config_schema_has_group(path))
                        report_unknown(d, group, group, node);
                else if (node->type != NODE_GROUP)
                        report_type(d, path, node, "a group { … }");
                else
                        r = apply_group(d, path, node);
                if (r < 0)
                        return r;
        }
        return 0;
}

int draft_apply(Draft *d, const Node *root) {
        return apply_group(d, "", root);
}
