/* `stint _describe`, see describe.h. */
#include "client/cli/describe.h"

#include "client/cli/complete.h"

static void set_text(json_t *object, const char *key, const char *text) {
        json_object_set_new(object, key, text ? json_string(text) : json_null());
}

static json_t *describe_option(const Option *o) {
        char letter[2] = {o->letter, '\0'};
        json_t *object = json_object();
        set_text(object, "name", o->name);
        set_text(object, "letter", o->letter ? letter : NULL);
        set_text(object, "value", o->metavar);
        set_text(object, "help", o->help);
        return object;
}

static json_t *describe_group(const OptionGroup *g) {
        json_t *options = json_array();
        for (size_t i = 0; i < g->count; i++)
                json_array_append_new(options, describe_option(&g->options[i]));
        return json_pack("{ss so}", "title", g->title, "options", options);
}

json_t *describe_command(const Command *c) {
        json_t *object = json_object(), *groups = json_array(), *examples = json_array();
        set_text(object, "name", c->name);
        set_text(object, "summary", c->summary);
        set_text(object, "synopsis", c->synopsis);
        set_text(object, "description", c->description);
        for (size_t i = 0; i < ARRAY_SIZE(c->groups) && c->groups[i]; i++)
                json_array_append_new(groups, describe_group(c->groups[i]));
        for (size_t i = 0; i < ARRAY_SIZE(c->examples) && c->examples[i]; i++)
                json_array_append_new(examples, json_string(c->examples[i]));
        json_object_set_new(object, "groups", groups);
        json_object_set_new(object, "examples", examples);
        return object;
}

/* What the completion knows to offer for each word that stands for a value. */
static json_t *describe_placeholders(void) {
        json_t *words = json_array();
        const char *word;
        for (size_t i = 0; (word = placeholder_word(i)); i++)
                json_array_append_new(words, json_string(word));
        return words;
}

json_t *describe_all(void) {
        json_t *list = json_array();
        for (const Command *const *c = commands; *c; c++)
                if (!(*c)->hidden)
                        json_array_append_new(list, describe_command(*c));
        return json_pack("{so so so so}", "general", describe_group(&general_options), "leading",
                         describe_group(&leading_options), "commands", list, "placeholders",
                         describe_placeholders());
}

static int describe_run(Invocation *x, Error *error) {
        int r = refuse_operands(x, error);
        if (r == 0)
                json_print_object("client", describe_all());
        return r;
}

const Command command__describe = {
        .name = "_describe",
        .summary = "commands and options as JSON, for manuals",
        .synopsis = "",
        .examples = {"stint _describe"},
        .hidden = true,
        .run = describe_run,
};
