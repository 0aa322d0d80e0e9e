/* Prints docs/protocol-fields.md from the schema of the wire, so that the page cannot differ from
 * what the programs do.
 *
 *      wire-tables              prints the page
 *      wire-tables --check FILE compares it with FILE, as one TAP test */
#include "common/wire.h"

#include <ctype.h>

static const char head[] =
        "# Fields of the messages\n"
        "\n"
        "Made by `docs/wire-tables.c` from `common/wire-schema.h`; what it all means is in\n"
        "[protocol.md](protocol.md). A header is the MessagePack array `[protocol, type, request "
        "id, "
        "field…]`: the first field of\n"
        "a message is element 3 of the array. A part is an array of its own that begins with its "
        "field 0.\n"
        "\n"
        "| kind | MessagePack |\n"
        "|---|---|\n"
        "| unsigned | positive integer of any width, below 2^64 |\n"
        "| signed | integer of any width, -2^63 … 2^63 - 1 |\n"
        "| text | str; the bytes need not be UTF-8 |\n"
        "| binary | bin |\n"
        "| list of … | array |\n";

/* Headings are linked to in lower case. */
static void print_link(FILE *to, const char *name) {
        fprintf(to, "[%s](#", name);
        for (; *name; name++)
                fputc(tolower((unsigned char)*name), to);
        fputc(')', to);
}

static void print_bound(FILE *to, const WireFieldSchema *f) {
        switch (f->kind) {
        case WIRE_U:
                fprintf(to, "unsigned | |\n");
                break;
        case WIRE_I:
                fprintf(to, "signed | |\n");
                break;
        case WIRE_T:
                fprintf(to, "text | %u bytes |\n", f->max);
                break;
        case WIRE_B:
                fprintf(to, "binary | %u bytes |\n", f->max);
                break;
        case WIRE_N:
                fprintf(to, "list of unsigned | %u items |\n", f->max);
                break;
        case WIRE_S:
                fprintf(to, "list of text | %u items of %u bytes |\n", f->max, f->item_max);
                break;
        case WIRE_L:
                fprintf(to, "list of ");
                print_link(to, f->item->name);
                fprintf(to, " | %u items |\n", f->max);
                break;
        }
}

static void print_fields(FILE *to, const WireSchema *s, size_t first) {
        fprintf(to, "| element | field | kind | at most |\n|---|---|---|---|\n");
        for (size_t i = 0; i < s->field_count; i++) {
                fprintf(to, "| %zu | `%s` | ", first + i, s->fields[i].name);
                print_bound(to, &s->fields[i]);
        }
}

static void print_messages(FILE *to, const char *title, uint32_t from, uint32_t below) {
        const WireSchema *s;
        fprintf(to, "\n## %s\n", title);
        for (size_t i = 0; (s = wire_schema_at(i)); i++) {
                if (s->number < from || s->number >= below)
                        continue;
                fprintf(to, "\n### %u %s\n\n", s->number, s->name);
                print_fields(to, s, 3);
        }
}

static void print_part(FILE *to, const WireSchema *s) {
        fprintf(to, "\n### %s\n\n", s->name);
        print_fields(to, s, 0);
}

static void print_values(FILE *to) {
        fprintf(to, "\n## States of a task\n\n| number | state |\n|---|---|\n");
        for (unsigned i = 1; i <= TASK_STATE_MAX; i++)
                fprintf(to, "| %u | %s |\n", i, task_state_name((TaskState)i));
        fprintf(to, "\n## Reasons of an end\n\n| number | reason |\n|---|---|\n");
        for (unsigned i = 0; i <= REASON_MAX; i++)
                fprintf(to, "| %u | %s |\n", i, end_reason_name((EndReason)i));
}

static void print_bounds(FILE *to) {
        static const struct {
                const char *what;
                unsigned long bytes;
        } bounds[] = {
                {"a header frame", WIRE_HEADER_MAX},
                {"a message", WIRE_MESSAGE_MAX},
                {"the payload of one task", WIRE_PAYLOAD_MAX},
                {"an environment", WIRE_ENVIRONMENT_MAX},
                {"the stdin of a command", WIRE_STDIN_MAX},
                {"output in one answer", WIRE_OUTPUT_MAX},
        };
        fprintf(to, "\n## Sizes\n\n| what | bytes at most |\n|---|---|\n");
        for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
                fprintf(to, "| %s | %lu |\n", bounds[i].what, bounds[i].bytes);
}

static void print_page(FILE *to) {
        fputs(head, to);
        print_values(to);
        print_bounds(to);
        print_messages(to, "Requests of clients", 1, 64);
        print_messages(to, "Answers of the dispatcher", 64, 128);
        print_messages(to, "Between dispatcher and worker", 128, 192);
        print_messages(to, "On the event channel", 192, UINT32_MAX);
        fprintf(to, "\n## Parts\n");
#define PRINT_PART(Type, FIELDS) print_part(to, &wire_part_##Type);
        WIRE_PARTS(PRINT_PART)
}

/* Is the file what we would print? */
static bool page_is(const char *path) {
        _cleanup_(freep) char *page = NULL;
        _cleanup_(freep) char *found = NULL;
        size_t size = 0, found_size = 0;
        FILE *to = open_memstream(&page, &size);
        FILE *from = fopen(path, "re");
        if (to)
                print_page(to);
        bool ok = to && from && fclose(to) == 0;
        if (ok && (found = malloc(size + 1)))
                found_size = fread(found, 1, size + 1, from);
        if (from)
                fclose(from);
        return found && found_size == size && memcmp(found, page, size) == 0;
}

int main(int argc, char **argv) {
        if (argc != 3) {
                print_page(stdout);
                return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        bool ok = page_is(argv[2]);
        printf("1..1\n%s 1 - the tables of fields are those of the schema\n", ok ? "ok" : "not ok");
        if (!ok)
                fprintf(stderr, "%s is not what the schema says: write it anew with wire-tables\n",
                        argv[2]);
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
