/* The one file that knows libconfig: text in, Node tree out, libconfig's own tree gone again.
 *
 * Types are taken from config_setting_type, because libconfig's lookups "succeed" with 0 for a type
 * that does not fit. Text comes from a Source, which has dealt with includes, depth and wrapping
 * integers. */
#include "config/parse.h"

#include "common/text.h"

#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <string.h>

#if defined(__has_feature)
#define WITH_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif
#if WITH_ASAN
#include <sanitizer/lsan_interface.h>
#endif

static NodeType node_type(int libconfig_type) {
        switch (libconfig_type) {
        case CONFIG_TYPE_GROUP:
                return NODE_GROUP;
        case CONFIG_TYPE_INT:
        case CONFIG_TYPE_INT64:
                return NODE_INTEGER;
        case CONFIG_TYPE_FLOAT:
                return NODE_FLOAT;
        case CONFIG_TYPE_BOOL:
                return NODE_BOOL;
        case CONFIG_TYPE_STRING:
                return NODE_STRING;
        default:
                return NODE_LIST;
        }
}

static int node_from_setting(const Source *s, config_setting_t *setting, Node *ret);

static int node_items(const Source *s, config_setting_t *setting, Node *n) {
        int length = config_setting_length(setting);

        if (length <= 0)
                return 0;
        n->items = calloc((size_t)length, sizeof *n->items);
        if (!n->items)
                return -ENOMEM;
        for (int i = 0; i < length; i++) {
                config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);
                int r = node_from_setting(s, item, &n->items[n->count++]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Recursion is bounded by SOURCE_NESTING_MAX. ret is zeroed and needs node_done in any case. */
static int node_from_setting(const Source *s, config_setting_t *setting, Node *ret) {
        int type = config_setting_type(setting);

        ret->type = node_type(type);
        ret->place = source_place(s, config_setting_source_line(setting));
        if (config_setting_name(setting) && !(ret->name = strdup(config_setting_name(setting))))
                return -ENOMEM;
        switch (type) {
        case CONFIG_TYPE_INT:
                ret->integer = config_setting_get_int(setting);
                return 0;
        case CONFIG_TYPE_INT64:
                ret->integer = config_setting_get_int64(setting);
                return 0;
        case CONFIG_TYPE_BOOL:
                ret->integer = config_setting_get_bool(setting);
                return 0;
        case CONFIG_TYPE_FLOAT:
                ret->number = config_setting_get_float(setting);
                return 0;
        case CONFIG_TYPE_STRING:
                ret->text = strdup(config_setting_get_string(setting));
                return ret->text ? 0 : -ENOMEM;
        default:
                return node_items(s, setting, ret);
        }
}

/* libconfig names no setting for this error, but the line has only few. */
static void duplicate_name(const Source *s, unsigned line, char *buf, size_t size) {
        const char *c = s->text;
        size_t n = 0;

        while (--line > 0 && (c = strchr(c, '\n')))
                c++;
        while (c && *c && !isalpha((unsigned char)*c) && *c != '\n')
                c++;
        while (c && (isalnum((unsigned char)c[n]) || (c[n] && strchr("-_*", c[n]))))
                n++;
        snprintf(buf, size, "%.*s", (int)n, c ? c : "");
}

static int report_syntax(const Source *s, const config_t *tree, Report *report) {
        unsigned line = (unsigned)MAX_OF(config_error_line(tree), 1);
        const char *text = config_error_text(tree) ? config_error_text(tree) : "syntax error";
        ConfigPlace here = source_place(s, line), before = source_place_before(s, line);

        if (strcmp(text, "duplicate setting name") == 0) {
                char name[CONFIG_NAME_MAX];
                duplicate_name(s, line, name, sizeof name);
                return report_add(report, -EINVAL, here,
                                  "a key is given twice in one group, probably %s: remove one or"
                                  " put both together",
                                  name);
        }
        if (strcmp(text, "mismatched element type in array") == 0)
                return report_add(report, -EINVAL, here,
                                  "the elements of an array [ … ] must all be of one type");
        if (before.line) {
                char file[2 * PATH_MAX];
                text_escape(before.file, strlen(before.file), file, sizeof file);
                return report_add(report, -EINVAL, here,
                                  "%s here, or at the end of what is included before it (%s:%u)",
                                  text, file, before.line);
        }
        return report_add(report, -EINVAL, here, "%s here or just before", text);
}

/* libconfig 1.5 loses the string before a syntax error, once for a broken file.
 * There is no way to it from outside; the leak checker is told to look away here and only here. */
static int read_string(config_t *tree, const char *text) {
#if WITH_ASAN
        __lsan_disable();
#endif
        int read = config_read_string(tree, text);
#if WITH_ASAN
        __lsan_enable();
#endif
        return read;
}

int parse_source(const Source *s, Report *report, Node *ret) {
        config_t tree;
        int r;

        *ret = (Node){.type = NODE_GROUP};
        config_init(&tree);
        if (read_string(&tree, s->text) == CONFIG_TRUE)
                r = node_from_setting(s, config_root_setting(&tree), ret);
        else
                r = report_syntax(s, &tree, report);
        config_destroy(&tree);
        if (r < 0) {
                node_done(ret);
                if (!report->error)
                        report->error = r;
        }
        return r;
}

void node_done(Node *n) {
        for (size_t i = 0; i < n->count; i++)
                node_done(&n->items[i]);
        free(n->items);
        free(n->name);
        free(n->text);
        *n = (Node){0};
}

const Node *node_member(const Node *group, const char *name) {
        for (size_t i = 0; group->type == NODE_GROUP && i < group->count; i++)
                if (strcmp(group->items[i].name, name) == 0)
                        return &group->items[i];
        return NULL;
}

const char *node_render(const Node *n, char *buf, size_t size) {
        char shown[96];

        switch (n->type) {
        case NODE_GROUP:
                snprintf(buf, size, "a group { … }");
                break;
        case NODE_LIST:
                snprintf(buf, size, n->count ? "a list" : "an empty list");
                break;
        case NODE_STRING:
                text_escape(n->text, strlen(n->text), shown, sizeof shown);
                snprintf(buf, size, "\"%s\"", shown);
                break;
        case NODE_INTEGER:
                snprintf(buf, size, "%lld", (long long)n->integer);
                break;
        case NODE_FLOAT:
                snprintf(buf, size, "%g", n->number);
                break;
        case NODE_BOOL:
                snprintf(buf, size, "%s", n->integer ? "true" : "false");
                break;
        }
        return buf;
}
