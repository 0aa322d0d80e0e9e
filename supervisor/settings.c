/* What decides is the dispatcher's answer, never the file: findings, a refusal and a dispatcher
 * that dies over it all leave the old configuration in force. Each RELOADING=1 is followed by
 * READY=1, however it went. */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "host/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Loads the files; every finding goes to the log. Returns their number, 0 with ret set. */
static size_t config_read(const Supervisor *s, ConfigFindings *findings, Config **ret) {
        int r = config_load(s->paths, s->presence, findings, ret);
        for (size_t i = 0; i < findings->count; i++)
                log_error("%s", findings->lines[i]);
        return r < 0 ? MAX_OF(findings->count, (size_t)1) : 0;
}

int settings_load(Supervisor *s, Error *error) {
        _cleanup_(config_findings_done) ConfigFindings findings = {0};
        size_t n = config_read(s, &findings, &s->settings.config);
        if (n > 0)
                return error_set(error, EXIT_CONFIG, "cannot start: %s%s",
                                 findings.count ? findings.lines[0] : "out of memory",
                                 n > 1 ? "; stintd --check-config shows more" : "");
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

/* To who asked for the reload: report is NULL or why it is refused, in full. */
static void report_send(Supervisor *s, const char *report) {
        SuperviseMessage part = {.type = SUPERVISE_RELOAD_REPORT},
                         done = {.type = SUPERVISE_RELOAD_DONE,
                                 .serial = s->settings.covered,
                                 .generation = s->settings.generation,
                                 .error = report ? EINVAL : 0};
        for (; report && *report; report += strlen(part.text)) {
                snprintf(part.text, sizeof part.text, "%s", report);
                dispatcher_send(s, &part, -1);
        }
        dispatcher_send(s, &done, -1);
}

static void reload_end(Supervisor *s, const char *refusal, const char *report) {
        drop(&s->settings.offered, &s->settings.offered_fd);
        if (refusal)
                log_error("the new configuration is refused: %s; the old one stays in force",
                          refusal);
        notify_ready();
        notify_status(STATUS_SETTINGS, "%s%.80s", refusal ? "new configuration refused: " : "",
                      refusal ? refusal : "");
        if (s->settings.covered > 0)
                report_send(s, report);
}

void settings_try(Supervisor *s) {
        Settings *t = &s->settings;
        _cleanup_(config_findings_done) ConfigFindings findings = {0};
        char summary[64], report[SUPERVISE_REPORT_MAX];
        if (!t->wanted || t->offered || s->dispatcher.state != DISPATCHER_READY)
                return;
        t->wanted = false;
        t->covered = t->asked;
        size_t n = config_read(s, &findings, &t->offered);
        snprintf(summary, sizeof summary, "%zu findings, see the log", n);
        const char *why = n > 0 ? config_findings_text(&findings, report, sizeof report) : NULL;
        if (!why && !config_sockets_equal(t->config, t->offered))
                why = "control.socket, control.group and events.socket change only with a restart";
        else if (!why && config_seal(t->offered, &t->offered_fd) < 0)
                why = "no memory to keep it in";
        SuperviseMessage m = {.type = SUPERVISE_RELOAD, .generation = t->generation + 1};
        if (why)
                reload_end(s, n > 0 ? summary : why, why);
        else
                dispatcher_send(s, &m, t->offered_fd);
}

void settings_asked(Supervisor *s, const SuperviseMessage *message) {
        s->settings.asked = message->serial;
        settings_reload(s);
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
        const char *why = !message->error    ? NULL
                          : message->text[0] ? message->text
                                             : strerror(message->error);
        reload_end(s, why, why);
        settings_try(s);
}

void settings_unanswered(Supervisor *s) {
        s->settings.asked = s->settings.covered = 0; /* the next one counts anew */
        if (s->settings.offered)
                reload_end(s, "the dispatcher ended before it took it", NULL);
}

void settings_done(Supervisor *s) {
        drop(&s->settings.config, &s->settings.fd);
        drop(&s->settings.offered, &s->settings.offered_fd);
}
