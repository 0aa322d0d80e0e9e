/* See dry-run.h. Everything that depends on where and when the command was called (directory,
 * umask, points of time) is written out; the environment is told only where options chose it. */
#include "client/cli/dry-run.h"

#include "client/cli/row.h"
#include "common/text.h"
#include "common/time.h"

#include <inttypes.h>
#include <string.h>

/* ---- as a command line ---- */

/* A word for a POSIX shell; printed as it is, since it is meant to be read by one. */
static void print_word(const char *word) {
        size_t size = 4 * strlen(word) + 16;
        char *quoted = malloc(size);
        ASSERT(quoted);
        /* Behind another word: the first one of a line is quoted more often. */
        char *words[] = {(char *)"x", (char *)word};
        printf("%s", text_shell_quote(words, 2, quoted, size) + 1);
        free(quoted);
}

static void print_option(const char *name, const char *value) {
        if (!value)
                return;
        printf(" --%s", name);
        print_word(value);
}

static void print_duration(const char *name, uint64_t usec) {
        char text[64];
        if (usec)
                print_option(name, duration_format(usec, text, sizeof text));
}

static void print_number(const char *name, int64_t number) {
        char text[32];
        snprintf(text, sizeof text, "%" PRId64, number);
        if (number)
                print_option(name, text);
}

static void print_policy(const TaskOptions *o, const StintTask *t) {
        char backoff[160], least[64], most[64], at[64];
        print_number("priority", t->priority);
        print_option("name", t->name);
        for (const char *const *label = t->labels; label && *label; label++)
                print_option("label", *label);
        print_option("group", t->group);
        if (o->at_usec)
                print_option("at", time_format(o->at_usec, at, sizeof at));
        else
                print_duration("delay", t->delay_usec);
        print_duration("timeout", t->timeout_usec);
        if (t->flags & STINT_NO_GRACE)
                print_option("grace", "0s");
        print_duration("grace", t->grace_usec);
        print_number("retries", t->retries);
        if (t->backoff_max_usec) {
                snprintf(backoff, sizeof backoff, "%s..%s",
                         duration_format(t->backoff_min_usec, least, sizeof least),
                         duration_format(t->backoff_max_usec, most, sizeof most));
                print_option("backoff", backoff);
        }
        if (t->flags & STINT_AT_MOST_ONCE)
                printf(" --at-most-once");
}

static void print_command(const StintTask *t) {
        char text[32];
        print_option("cwd", t->cwd);
        snprintf(text, sizeof text, "%04o", t->umask);
        print_option("umask", text);
        print_number("nice", t->nice);
        if (t->flags & STINT_OUTPUT_LIMIT) {
                snprintf(text, sizeof text, "%" PRIu64, t->output_limit);
                print_option("output-limit", text);
        }
        if (t->environment != STINT_ENVIRONMENT_DEFAULT)
                print_option("env", t->environment == STINT_ENVIRONMENT_ALL ? "all" : "none");
        for (const char *const *item = t->env; item && *item; item++)
                print_option("env", *item);
        print_option("stdin", t->stdin_bytes ? "-" : t->stdin_file);
        printf(" --");
        for (const char *const *word = t->argv; *word; word++)
                print_word(*word);
}

static void print_line(const Invocation *x, const TaskOptions *o, const StintTask *t) {
        printf("stint %s", x->command->name);
        if (x->general.endpoint)
                print_option("endpoint", x->general.endpoint);
        else if (x->general.choice != STINT_INSTANCE_CHOOSE)
                printf(" --%s", x->general.choice == STINT_INSTANCE_OWN ? "user" : "system");
        if (t->argv)
                print_option("queue", t->queue);
        print_policy(o, t);
        if (t->argv) {
                print_command(t);
        } else {
                printf(" --");
                for (size_t i = 0; i < x->operand_count; i++)
                        print_word(x->operands[i]);
        }
        printf("\n");
}

/* ---- as JSON ---- */

static void set_if(json_t *o, const char *key, const char *text) {
        if (text)
                json_set_text(o, key, text);
}

static json_t *command_json(const StintTask *t) {
        static const char *const environments[] = {"default", "all", "none"};
        json_t *o = json_object();
        json_object_set_new(o, "argv", json_texts(t->argv));
        json_set_text(o, "cwd", t->cwd);
        json_object_set_new(o, "umask", json_sprintf("%04o", t->umask));
        json_object_set_new(o, "nice", json_integer(t->nice));
        json_object_set_new(o, "environment", json_string(environments[t->environment]));
        json_object_set_new(o, "env", json_texts(t->env));
        set_if(o, "stdin_file", t->stdin_file);
        if (t->stdin_bytes)
                json_set_bytes(o, "stdin", t->stdin_bytes, t->stdin_size);
        if (t->flags & STINT_OUTPUT_LIMIT)
                json_set_number(o, "output_limit", t->output_limit);
        return o;
}

/* The keys of `stint show --json`, of what is known before it is submitted. */
static void print_json(const StintTask *t) {
        json_t *o = json_object();
        json_set_text(o, "queue", t->queue ? t->queue : "default");
        json_object_set_new(o, "kind", json_string(t->argv ? "command" : "message"));
        json_object_set_new(o, "priority", json_integer(t->priority));
        json_object_set_new(o, "at_most_once", json_boolean(t->flags & STINT_AT_MOST_ONCE));
        set_if(o, "name", t->name);
        set_if(o, "group", t->group);
        json_object_set_new(o, "labels", labels_json(t->labels));
        json_set_number(o, "delay_usec", t->delay_usec);
        json_set_number(o, "timeout_usec", t->timeout_usec);
        if (t->grace_usec || t->flags & STINT_NO_GRACE)
                json_set_number(o, "grace_usec", t->grace_usec);
        json_set_number(o, "retries", t->retries);
        if (t->backoff_max_usec) {
                json_set_number(o, "backoff_min_usec", t->backoff_min_usec);
                json_set_number(o, "backoff_max_usec", t->backoff_max_usec);
        }
        if (t->argv)
                json_object_set_new(o, "command", command_json(t));
        else
                json_set_bytes(o, "payload", t->payload, t->payload_size);
        json_print_object("dry_run", o);
}

int dry_run_print(const Invocation *x, const TaskOptions *o, const StintTask *task) {
        if (x->general.json)
                print_json(task);
        else
                print_line(x, o, task);
        return 0;
}
