/* Queues a task for each line of its input and never has more under way than it should.
 *
 *      cc producer.c -o producer $(pkg-config --cflags --libs stint)
 *      producer [-q QUEUE] [-n N] [-m M] CMD ARG…    a command: CMD ARG… LINE
 *      producer [-q QUEUE] [-n N] [-m M]             a message: the handler of QUEUE gets LINE
 *
 * A fast producer fills queues and memories unless somebody tells it to wait. Here two bounds do:
 * at most N tasks that the dispatcher has not acknowledged yet (default 256), and at most M that
 * have not ended (default 1000). While either is reached no line is read, so whoever writes into
 * our stdin waits, too. A queue that is full is no error either: those lines are offered again.
 *
 * Prints the id of each task that has ended on stdout; exit code 1 if one failed, 2 if stint could
 * not be used. */
#include <stint/stint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FULL_MSEC 100 /* between two offers to a queue that is full */

/* A line from when it is read until its task has ended. */
typedef struct Line {
        struct Producer *producer;
        struct Line *next; /* among those that are to be offered again */
        StintFuture *future;
        size_t size;
        char text[];
} Line;

typedef struct Producer {
        StintClient *client;
        const char *queue;
        const char **argv; /* of the command, with room for the line; NULL: messages */
        size_t argc;
        size_t unacknowledged_max, unended_max;
        size_t unended, failed;
        Line *again; /* that a full queue refused */
        int full;    /* it refused one since we last waited */
} Producer;

/* Called by the library when a task has ended or was refused. */
static void on_over(StintFuture *f, void *userdata) {
        Line *line = userdata;
        Producer *p = line->producer;
        int status = stint_future_status(f);
        if (status == -STINT_TRY_AGAIN) {
                line->next = p->again;
                p->again = line;
                p->full = 1;
        } else {
                const StintEnd *end = stint_future_end(f);
                if (end)
                        printf("%llu\n", (unsigned long long)end->id);
                if (!end || end->state != STINT_SUCCEEDED) {
                        p->failed++;
                        fprintf(stderr, "%s: %s\n", line->text,
                                end ? stint_reason_name(end->reason) : stint_future_error(f));
                }
                p->unended--;
                free(line);
        }
        stint_future_free(f);
}

/* Queues the task of a line. It goes out together with others when we next wait. */
static int line_submit(Producer *p, Line *line) {
        StintTask task = {STINT_TASK, .queue = p->queue};
        if (p->argv) {
                p->argv[p->argc] = line->text;
                task.argv = p->argv;
        } else {
                task.payload = line->text;
                task.payload_size = line->size;
        }
        int r = stint_submit(p->client, &task, 1, 0, &line->future);
        if (r == 0)
                stint_future_then(line->future, on_over, line);
        return r;
}

/* Offers one of the lines that were refused: what goes out together is refused together. */
static int offer_again(Producer *p) {
        int r = p->full ? stint_dispatch(p->client, FULL_MSEC) : 0; /* or until something happens */
        if (r < 0)
                return r;
        Line *line = p->again;
        p->full = 0;
        p->again = line->next;
        return line_submit(p, line);
}

/* Lets things happen, at least until there is room for one more task. */
static int make_room(Producer *p) {
        int r = stint_dispatch(p->client, 0);
        while (r >= 0 && (p->again || p->unended >= p->unended_max ||
                          stint_unacknowledged(p->client) >= p->unacknowledged_max)) {
                if (p->again && !stint_unacknowledged(p->client))
                        r = offer_again(p);
                else
                        r = stint_dispatch(p->client, -1);
        }
        return r < 0 ? r : 0;
}

static int produce(Producer *p) {
        char *text = NULL;
        size_t room = 0;
        ssize_t size;
        int r = 0;
        while (r == 0 && (size = getline(&text, &room, stdin)) >= 0) {
                if (size > 0 && text[size - 1] == '\n')
                        text[--size] = '\0';
                Line *line = calloc(1, sizeof *line + (size_t)size + 1);
                if (!line)
                        break;
                line->producer = p;
                line->size = (size_t)size;
                memcpy(line->text, text, (size_t)size + 1);
                p->unended++;
                r = line_submit(p, line);
                if (r == 0)
                        r = make_room(p);
        }
        free(text);
        p->unended_max = 1; /* from here on: room is when nothing is left */
        return r < 0 ? r : make_room(p);
}

static int usage(void) {
        fprintf(stderr, "usage: producer [-q QUEUE] [-n UNACKNOWLEDGED] [-m UNENDED] [CMD ARG…]\n");
        return 2;
}

int main(int argc, char **argv) {
        Producer p = {.unacknowledged_max = 256, .unended_max = 1000};
        int option;
        while ((option = getopt(argc, argv, "+q:n:m:")) >= 0) {
                if (option == 'q')
                        p.queue = optarg;
                else if (option == 'n')
                        p.unacknowledged_max = strtoul(optarg, NULL, 10);
                else if (option == 'm')
                        p.unended_max = strtoul(optarg, NULL, 10);
                else
                        return usage();
        }
        if (!p.unacknowledged_max || !p.unended_max)
                return usage();
        p.argc = (size_t)(argc - optind);
        if (p.argc) {
                p.argv = calloc(p.argc + 2, sizeof *p.argv);
                for (size_t i = 0; p.argv && i < p.argc; i++)
                        p.argv[i] = argv[optind + (int)i];
        }
        p.client = stint_new(&(StintOptions){STINT_OPTIONS, .flags = STINT_START_OWN});
        if (!p.client || (p.argc && !p.argv)) {
                perror("producer");
                return 2;
        }
        int r = stint_connect(p.client);
        if (r == 0)
                r = produce(&p);
        if (r < 0)
                fprintf(stderr, "producer: %s\n", stint_error(p.client));
        stint_free(p.client);
        free(p.argv);
        return r < 0 ? 2 : p.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
