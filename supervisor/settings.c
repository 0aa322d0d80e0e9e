/* What decides is the dispatcher's answer, never the file: findings, a refusal and a dispatcher
 * that dies over it all leave the old configuration in force. Each RELOADING=1 is followed by
 * READY=1, however it went. */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "host/notify.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Loads the files; every finding goes to the log, the first into error (may be NULL). Returns their
 * number, 0 with ret set. */
static size_t config_read(const Supervisor *s, Error *error, Config **ret) {
        ConfigFindings findings = {0};
        int r = config_load(s->paths, s->presence, &findings, ret);
        size_t n = r < 0 ? MAX_OF(findings.count, (size_t)1) : 0;
        for (size_t i = 0; i < findings.count; i++)
                log_error("%s", findings.lines[i]);
        if (n > 0)
                error_set(error, EXIT_CONFIG, "cannot start: %s%s",
                          findings.count ? findings.lines[0] : "out of memory",
                          n > 1 ? "; stintd --check-config shows more" : "");
        config_findings_done(&findings);
        return n;
}

int settings_load(Supervisor *s, Error *error) {
        if (config_read(s, error, &s->settings.config) > 0)
                return -EXIT_CONFIG;
        int r = config_seal(s->settings.config, &s->settings.fd);
        if (r < 0)
                return error_set(error, EXIT_IO, "cannot keep the configuration in memory: %s",
                                 strerror(-r));
        s->settings.generation = 1;
        log_set_level(s->settings.config->log_level);
        return 0;
}

static void drop(Config **config, int *fd) {
        *config = config_free(*config);
        if (*fd >= 0)
                close(take_fd(fd));
}

static void reload_end(Supervisor *s, const char *refusal) {
        drop(&s->settings.offered, &s->settings.offered_fd);
        if (refusal)
                log_error("the new configuration is refused: %s; the old one stays in force",
                          refusal);
        notify_ready();
        notify_status(STATUS_SETTINGS, "%s%.80s", refusal ? "new configuration refused: " : "",
                      refusal ? refusal : "");
}

/* The listening sockets are bound once; changing them is a restart. */
static bool sockets_differ(const Config *a, const Config *b) {
        return strcmp(a->control_socket, b->control_socket) != 0 ||
               strcmp(a->events_socket, b->events_socket) != 0 ||
               strcmp(a->control_group, b->control_group) != 0;
}

void settings_try(Supervisor *s) {
        Settings *t = &s->settings;
        char refusal[64];
        if (!t->wanted || t->offered || s->dispatcher.state != DISPATCHER_READY)
                return;
        t->wanted = false;
        size_t n = config_read(s, NULL, &t->offered);
        if (n > 0) {
                snprintf(refusal, sizeof refusal, "%zu findings, see the log", n);
                reload_end(s, refusal);
        } else if (sockets_differ(t->config, t->offered)) {
                reload_end(s, "control.socket, control.group and events.socket change only with a "
                              "restart");
        } else if (config_seal(t->offered, &t->offered_fd) < 0) {
                reload_end(s, "no memory to keep it in");
        } else {
                SuperviseMessage m = {.type = SUPERVISE_RELOAD, .generation = t->generation + 1};
                dispatcher_send(s, &m, t->offered_fd);
        }
}

void settings_reload(void *supervisor) {
        Supervisor *s = supervisor;
        notify_reloading();
        s->settings.wanted = true;
        settings_try(s);
}

void settings_answered(Supervisor *s, const SuperviseMessage *message) {
        Settings *t = &s->settings;
        if (!t->offered || message->generation != t->generation + 1)
                return;
        if (message->error == 0) {
                drop(&t->config, &t->fd);
                t->config = take_ptr(t->offered);
                t->fd = take_fd(&t->offered_fd);
                t->generation++;
                log_set_level(t->config->log_level);
                log_notice("configuration %" PRIu64 " is in force", t->generation);
        }
        const char *why = message->text[0] ? message->text : strerror(message->error);
        reload_end(s, message->error ? why : NULL);
        settings_try(s);
}

void settings_unanswered(Supervisor *s) {
        if (s->settings.offered)
                reload_end(s, "the dispatcher ended before it took it");
}

void settings_done(Supervisor *s) {
        drop(&s->settings.config, &s->settings.fd);
        drop(&s->settings.offered, &s->settings.offered_fd);
}
