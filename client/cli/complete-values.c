/* See complete.h: what to offer for the words that stand for values, from the instance where it
 * knows. It is never started for that, and has little time: the time of somebody who pressed a key.
 */
#include "client/cli/complete.h"

#include "common/text.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_USEC 400000
#define TASKS_MAX     100 /* the newest ones are looked at */
#define VALUE_SIZE    1024

void candidate_print(const Completion *c, const char *value, const char *description) {
        char text[256];
        const char *typed = c->word + c->kept;
        if (strncmp(value, typed, strlen(typed)) != 0)
                return;
        printf("%.*s%s\t%s\n", (int)c->kept, c->word, value,
               description ? text_escape(description, strlen(description), text, sizeof text) : "");
}

/* ---- what is known without an instance ---- */

static void complete_commands(Completion *c) {
        for (const Command *const *command = commands; *command; command++)
                if (!(*command)->hidden)
                        candidate_print(c, (*command)->name, (*command)->summary);
}

static void skip_listed(Completion *c) {
        const char *comma = strrchr(c->word + c->kept, ',');
        if (comma)
                c->kept = (size_t)(comma - c->word) + 1;
}

static void complete_states(Completion *c) {
        skip_listed(c);
        for (int s = STINT_BLOCKED; s <= STINT_EXPIRED; s++)
                candidate_print(c, stint_state_name((StintState)s), "state");
}

static void complete_signals(Completion *c) {
        if (strncmp(c->word + c->kept, "SIG", 3) == 0)
                c->kept += 3;
        for (int s = 1; s < SIGRTMIN; s++)
                if (sigabbrev_np(s))
                        candidate_print(c, sigabbrev_np(s), sigdescr_np(s));
}

static void complete_environment(Completion *c) {
        for (char **variable = environ; *variable; variable++) {
                char name[128];
                size_t size = strcspn(*variable, "=");
                if (size < sizeof name) {
                        snprintf(name, sizeof name, "%.*s", (int)size, *variable);
                        candidate_print(c, name, "variable");
                }
        }
}

/* ---- what the instance knows ---- */

static void leave(int number) {
        _exit(EXIT_TRY_AGAIN);
}

/* Connected, or NULL. From here on the time runs. */
static StintClient *ask(const Completion *c) {
        struct itimerval patience = {.it_value.tv_usec = PATIENCE_USEC};
        StintOptions options = {STINT_OPTIONS, .endpoint = c->general.endpoint,
                                .instance = (StintInstance)c->general.choice};
        fflush(stdout);
        signal(SIGALRM, leave);
        setitimer(ITIMER_REAL, &patience, NULL);
        StintClient *client = stint_new(&options);
        if (client && stint_connect(client) < 0)
                client = stint_free(client);
        return client;
}

static void print_queues(const Completion *c, const StintStatus *status) {
        for (const StintQueueStatus *const *q = status->queues; *q; q++)
                candidate_print(c, (*q)->name, "queue");
}

static void print_pools(const Completion *c, const StintStatus *status) {
        for (const StintPoolStatus *const *p = status->pools; *p; p++)
                candidate_print(c, (*p)->name, "pool");
}

static void complete_status(const Completion *c,
                            void (*print)(const Completion *, const StintStatus *)) {
        _cleanup_(stint_freep) StintClient *client = ask(c);
        StintStatus *status = NULL;
        if (!client || stint_status(client, &status) < 0)
                return;
        print(c, status);
        stint_status_free(status);
}

static void complete_queues(Completion *c) {
        complete_status(c, print_queues);
}

static void complete_pools(Completion *c) {
        complete_status(c, print_pools);
}

/* Keys of the configuration. */
static void complete_keys(Completion *c) {
        _cleanup_(stint_freep) StintClient *client = ask(c);
        StintConfig *config = NULL;
        if (!client || stint_config(client, &config) < 0)
                return;
        for (const StintSetting *const *s = config->settings; *s; s++)
                candidate_print(c, (*s)->name, (*s)->value);
        stint_config_free(config);
}

/* ---- tasks ---- */

/* Which tasks a command is about; all, if it is not here. */
static uint64_t states_of_command(const Command *command) {
        static const struct {
                const char *command;
                enum { UNENDED, ENDED, RUNNING } which;
        } table[] = {{"cancel", UNENDED}, {"wait", UNENDED}, {"signal", RUNNING},
                     {"retry", ENDED},    {"purge", ENDED},  {"result", ENDED}};
        uint64_t mask = 0;
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                for (int s = STINT_BLOCKED;
                     strcmp(table[i].command, command->name) == 0 && s <= STINT_EXPIRED; s++)
                        if (table[i].which == RUNNING ? s == STINT_RUNNING
                                                      : stint_state_is_end((StintState)s) ==
                                                                (table[i].which == ENDED))
                                mask |= UINT64_C(1) << s;
        return mask;
}

typedef enum Offer { OFFER_ID, OFFER_NAME, OFFER_GROUP, OFFER_LABEL } Offer;

typedef struct Tasks {
        const Completion *completion;
        Offer what;
        char *offered[TASKS_MAX]; /* each name once, though many tasks have it */
        size_t count;
} Tasks;

static void offer_once(Tasks *t, const char *value) {
        for (size_t i = 0; i < t->count; i++)
                if (strcmp(t->offered[i], value) == 0)
                        return;
        if (!*value || t->count == ARRAY_SIZE(t->offered))
                return;
        candidate_print(t->completion, value, NULL);
        t->offered[t->count] = strdup(value);
        t->count += t->offered[t->count] != NULL;
}

static int on_task(void *userdata, const StintInfo *task) {
        Tasks *t = userdata;
        char id[32], text[VALUE_SIZE];
        switch (t->what) {
        case OFFER_ID:
                snprintf(id, sizeof id, "%llu", (unsigned long long)task->id);
                snprintf(text, sizeof text, "%s: %s", stint_state_name(task->state),
                         *task->name ? task->name : task->summary);
                candidate_print(t->completion, id, text);
                break;
        case OFFER_NAME:
                offer_once(t, task->name);
                break;
        case OFFER_GROUP:
                offer_once(t, task->group);
                break;
        case OFFER_LABEL:
                for (const char *const *label = task->labels; *label; label++)
                        offer_once(t, *label);
        }
        return 0;
}

static void complete_tasks(const Completion *c, Offer what) {
        _cleanup_(stint_freep) StintClient *client = ask(c);
        Tasks tasks = {.completion = c, .what = what};
        StintQuery query = {STINT_QUERY, .states = states_of_command(c->command),
                            .limit = TASKS_MAX};
        if (client)
                stint_list(client, &query, on_task, &tasks, NULL);
        for (size_t i = 0; i < tasks.count; i++)
                free(tasks.offered[i]);
}

static void complete_selectors(Completion *c) {
        static const char *const kinds[] = {"name:", "group:", "label:"};
        static const Offer offers[] = {OFFER_NAME, OFFER_GROUP, OFFER_LABEL};
        skip_listed(c);
        const char *typed = c->word + c->kept;
        if (strncmp(typed, "queue:", strlen("queue:")) == 0) {
                c->kept += strlen("queue:");
                complete_queues(c);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strncmp(typed, kinds[i], strlen(kinds[i])) == 0) {
                        c->kept += strlen(kinds[i]);
                        complete_tasks(c, offers[i]);
                        return;
                }
        candidate_print(c, "last", "the newest of yours");
        candidate_print(c, "all", "all of yours");
        candidate_print(c, "queue:", "those of a queue");
        candidate_print(c, "name:", "those of a name");
        candidate_print(c, "group:", "those of a group");
        candidate_print(c, "label:", "those with a label");
        complete_states(c);
        complete_tasks(c, OFFER_ID);
}

/* ---- placeholders ---- */

static const struct {
        const char *word;
        const char *shell; /* what the shell adds itself */
        void (*complete)(Completion *c);
} placeholders[] = {
        {"COMMAND", .complete = complete_commands},
        {"QUEUE", .complete = complete_queues},
        {"POOL", .complete = complete_pools},
        {"SELECTOR", .complete = complete_selectors},
        {"STATE", .complete = complete_states},
        {"KEY", .complete = complete_keys},
        {"SIGNAL", .complete = complete_signals},
        {"NAME[=V]", .complete = complete_environment},
        {"FILE", .shell = "files"},
        {"DIR", .shell = "directories"},
        /* Free text, and what complete.c treats itself. */
        {"ARG"},
        {"CMD"},
        {"DURATION"},
        {"INPUT"},
        {"KEY=VALUE"},
        {"LEAST..MOST"},
        {"LINES"},
        {"MODE"},
        {"N"},
        {"NAME"},
        {"PAYLOAD"},
        {"SIZE"},
        {"TIME"},
        {"URL"},
};

const char *placeholder_word(size_t index) {
        return index < ARRAY_SIZE(placeholders) ? placeholders[index].word : NULL;
}

/* Without the brackets and dots of a synopsis. */
static void strip(char *word) {
        static const char dots[] = "…";
        size_t n = strlen(word), d = strlen(dots);
        if (word[0] == '[' && n > 1 && word[n - 1] == ']') {
                memmove(word, word + 1, n);
                n -= 2;
                word[n] = '\0';
        }
        if (n >= d && strcmp(word + n - d, dots) == 0)
                word[n -= d] = '\0';
        if (n && word[n - 1] == ',')
                word[n - 1] = '\0';
}

static size_t placeholder_find(const char *word) {
        size_t i = 0;
        while (i < ARRAY_SIZE(placeholders) && strcmp(placeholders[i].word, word) != 0)
                i++;
        return i;
}

void placeholder_complete(const Completion *c, const char *placeholder) {
        char words[256], *saved;
        const char *shell = "words";
        snprintf(words, sizeof words, "%s", placeholder);
        strip(words);
        char *again = strdupa(words);
        for (char *w = strtok_r(again, "|", &saved); w; w = strtok_r(NULL, "|", &saved)) {
                size_t i = placeholder_find(w);
                if (i < ARRAY_SIZE(placeholders) && placeholders[i].shell)
                        shell = placeholders[i].shell;
        }
        puts(shell);
        for (char *w = strtok_r(words, "|", &saved); w; w = strtok_r(NULL, "|", &saved)) {
                size_t i = placeholder_find(w);
                Completion copy = *c;
                if (i == ARRAY_SIZE(placeholders))
                        candidate_print(c, w, NULL); /* it stands for itself */
                else if (placeholders[i].complete)
                        placeholders[i].complete(&copy);
        }
}
