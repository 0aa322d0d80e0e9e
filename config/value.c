/* Each type of key in its three directions: read, expect, write. A type that needs its own rule has
 * it here and nowhere else. */
#include "config/value.h"

#include "common/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static void *field(const ConfigKey *key, void *record) {
        return (char *)record + key->offset;
}

static const void *field_const(const ConfigKey *key, const void *record) {
        return (const char *)record + key->offset;
}

ConfigPlace value_place(const ConfigKey *key, const void *record) {
        ConfigPlace place;

        memcpy(&place, (const char *)record + key->place, sizeof place);
        return place;
}

void value_set_place(const ConfigKey *key, void *record, ConfigPlace place) {
        memcpy((char *)record + key->place, &place, sizeof place);
}

/* Numeric fields are int, uint32_t or uint64_t (little of a value is lost only by our own table).
 */
static void store_number(const ConfigKey *key, void *record, uint64_t value) {
        uint32_t narrow = (uint32_t)value;

        ASSERT(key->size == sizeof narrow || key->size == sizeof value);
        if (key->size == sizeof narrow)
                memcpy(field(key, record), &narrow, sizeof narrow);
        else
                memcpy(field(key, record), &value, sizeof value);
}

static uint64_t load_number(const ConfigKey *key, const void *record) {
        uint64_t value = 0;
        uint32_t narrow = 0;

        if (key->size == sizeof value) {
                memcpy(&value, field_const(key, record), sizeof value);
                return value;
        }
        memcpy(&narrow, field_const(key, record), sizeof narrow);
        return narrow;
}

static const ConfigWord *word_find(const ConfigKey *key, const char *word) {
        for (size_t i = 0; i < key->word_count; i++)
                if (strcmp(key->words[i].word, word) == 0)
                        return &key->words[i];
        return NULL;
}

static const ConfigWord *word_of(const ConfigKey *key, uint64_t value) {
        for (size_t i = 0; i < key->word_count; i++)
                if (key->words[i].value == value)
                        return &key->words[i];
        return NULL;
}

/* ---- read ---- */

static bool is_plain(const char *text) {
        for (; *text; text++)
                if (iscntrl((unsigned char)*text))
                        return false;
        return true;
}

static bool is_file_path(const char *text) {
        return text[0] == '/' && text[strlen(text) - 1] != '/' && is_plain(text);
}

static bool is_string_of(const ConfigKey *key, const char *text) {
        size_t n = strlen(text);

        if (n >= key->size)
                return false;
        switch (key->type) {
        case TYPE_NAME:
                return n >= key->min && n <= key->max && (n == 0 || name_is_valid(text));
        case TYPE_SOCKET:
                return n <= key->max && is_file_path(text);
        case TYPE_STORE_URL:
                if (strncmp(text, "sqlite:", strlen("sqlite:")) == 0)
                        return n - strlen("sqlite:") < PATH_MAX &&
                               is_file_path(text + strlen("sqlite:"));
                return strcmp(text, "memory:") == 0;
        default:
                return false;
        }
}

static int number_of(const ConfigKey *key, const Node *node, uint64_t *ret) {
        uint64_t value = 0;
        int r = -EINVAL;

        if (key->type == TYPE_COUNT && node->type == NODE_INTEGER) {
                value = (uint64_t)node->integer;
                r = node->integer < 0 ? -EINVAL : 0;
        } else if (key->type == TYPE_DURATION && node->type == NODE_STRING) {
                r = duration_parse(node->text, &value);
        } else if (key->type == TYPE_SIZE && node->type == NODE_STRING) {
                r = size_parse(node->text, &value);
        }
        if (r < 0 || value < key->min || value > key->max)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int queues_of(const Node *node, PoolConfig *pool) {
        if (node->type != NODE_LIST || node->count == 0 || node->count > CONFIG_QUEUES_MAX)
                return -EINVAL;
        for (size_t i = 0; i < node->count; i++)
                if (node->items[i].type != NODE_STRING || !name_is_valid(node->items[i].text))
                        return -EINVAL;

        char(*queues)[CONFIG_NAME_MAX + 1] = calloc(node->count, sizeof *queues);
        if (!queues)
                return -ENOMEM;
        for (size_t i = 0; i < node->count; i++)
                strcpy(queues[i], node->items[i].text);
        free(pool->queues);
        pool->queues = queues;
        pool->queue_count = node->count;
        return 0;
}

int value_read(const ConfigKey *key, const Node *node, void *record) {
        const ConfigWord *word = node->type == NODE_STRING ? word_find(key, node->text) : NULL;
        uint64_t number;

        if (word) {
                store_number(key, record, word->value);
                return 0;
        }
        switch (key->type) {
        case TYPE_CHOICE:
                return -EINVAL;
        case TYPE_QUEUES:
                return queues_of(node, record);
        case TYPE_COUNT:
        case TYPE_DURATION:
        case TYPE_SIZE:
                if (number_of(key, node, &number) < 0)
                        return -EINVAL;
                store_number(key, record, number);
                return 0;
        default:
                if (node->type != NODE_STRING || !is_string_of(key, node->text))
                        return -EINVAL;
                strcpy(field(key, record), node->text);
                return 0;
        }
}

void value_set_fallback(const ConfigKey *key, void *record) {
        char text[64];
        uint64_t number = 0;
        Node node = {.type = NODE_INTEGER};

        ASSERT(key->fallback && strlen(key->fallback) < sizeof text);
        if (key->fallback[0] == '"') {
                snprintf(text, sizeof text, "%.*s", (int)strlen(key->fallback) - 2,
                         key->fallback + 1);
                node.type = NODE_STRING;
                node.text = text;
        } else {
                ASSERT(u64_parse(key->fallback, &number) == 0);
                node.integer = (int64_t)number;
        }
        ASSERT(value_read(key, &node, record) == 0);
}

/* ---- expect ---- */

static const char *size_exact(uint64_t bytes, char *buf, size_t size) {
        static const char units[] = "KMGT";
        int unit = -1;

        while (bytes > 0 && bytes % 1024 == 0 && unit < 3) {
                bytes /= 1024;
                unit++;
        }
        snprintf(buf, size, "%llu%.1s", (unsigned long long)bytes, unit < 0 ? "" : units + unit);
        return buf;
}

static void print_words(const ConfigKey *key, const char *separator, FILE *f) {
        for (size_t i = 0; i < key->word_count; i++)
                fprintf(f, "%s\"%s\"",
                        i == 0                     ? separator
                        : i + 1 == key->word_count ? " or "
                                                   : ", ",
                        key->words[i].word);
}

static void print_expected(const ConfigKey *key, FILE *f) {
        char min[64], max[64];

        switch (key->type) {
        case TYPE_CHOICE:
                print_words(key, "", f);
                return;
        case TYPE_COUNT:
                fprintf(f, "a number from %llu to %llu", (unsigned long long)key->min,
                        (unsigned long long)key->max);
                break;
        case TYPE_DURATION:
                fprintf(f, "a duration in quotes from \"%s\" to \"%s\"",
                        duration_format(key->min, min, sizeof min),
                        duration_format(key->max, max, sizeof max));
                break;
        case TYPE_SIZE:
                fprintf(f, "a size in quotes from \"%s\" to \"%s\"",
                        size_exact(key->min, min, sizeof min),
                        size_exact(key->max, max, sizeof max));
                break;
        case TYPE_NAME:
                fprintf(f,
                        "a name in quotes of %llu to %llu letters, digits, \"_\", \".\" or \"-\"",
                        (unsigned long long)key->min, (unsigned long long)key->max);
                break;
        case TYPE_SOCKET:
                fprintf(f, "the absolute path of a socket in quotes, at most %llu bytes",
                        (unsigned long long)key->max);
                break;
        case TYPE_STORE_URL:
                fputs("\"memory:\" or \"sqlite:\" with the absolute path of a file", f);
                break;
        case TYPE_QUEUES:
                fprintf(f, "1 to %d names of queues, such as [\"default\", \"mail\"]",
                        CONFIG_QUEUES_MAX);
                break;
        }
        print_words(key, " or ", f);
}

const char *value_expected(const ConfigKey *key, char *buf, size_t size) {
        FILE *f = fmemopen(buf, size, "w");

        buf[0] = '\0';
        if (!f)
                return buf;
        print_expected(key, f);
        fclose(f);
        buf[size - 1] = '\0';
        return buf;
}

/* ---- write ---- */

static void write_string(const char *text, FILE *f) {
        fputc('"', f);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', f);
                fputc(*text, f);
        }
        fputc('"', f);
}

static void write_queues(const PoolConfig *pool, FILE *f) {
        fputc('[', f);
        for (size_t i = 0; i < pool->queue_count; i++) {
                fputs(i == 0 ? "" : ", ", f);
                write_string(pool->queues[i], f);
        }
        fputc(']', f);
}

static void write_number(const ConfigKey *key, uint64_t value, FILE *f) {
        char buf[64];
        const ConfigWord *word = word_of(key, value);

        if (word)
                write_string(word->word, f);
        else if (key->type == TYPE_DURATION)
                write_string(duration_format(value, buf, sizeof buf), f);
        else if (key->type == TYPE_SIZE)
                write_string(size_exact(value, buf, sizeof buf), f);
        else
                fprintf(f, "%llu", (unsigned long long)value);
}

void value_write(const ConfigKey *key, const void *record, FILE *stream) {
        switch (key->type) {
        case TYPE_QUEUES:
                write_queues(record, stream);
                break;
        case TYPE_NAME:
        case TYPE_SOCKET:
        case TYPE_STORE_URL:
                write_string(field_const(key, record), stream);
                break;
        default:
                write_number(key, load_number(key, record), stream);
        }
}

char *value_text(const ConfigKey *key, const void *record) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        value_write(key, record, f);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}
