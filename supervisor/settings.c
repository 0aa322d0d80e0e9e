/* What decides is the dispatcher's answer, never the file: findings, a refusal and a dispatcher
 * that dies over it all leave the old configuration in force. Each RELOADING=1 is followed by
 * READY=1, however it went. */
#include "supervisor/supervisor.h"

#include "common/log.h"
#include "config/settings.h"
#include "host/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CHANGES_LOGGED 20 /* of one reload; who asked for it is told more */

static void log_lines(int level, const ConfigFindings *f, size_t max) {
        for (size_t i = 0; i < MIN_OF(f->count, max); i++)
                log_write(level, NULL, "%s", f->lines[i]);
}

int settings_load(Supervisor *s, Error *error) {
        Settings *t = &s->settings;
        _cleanup_(config_findings_done) ConfigFindings findings = {0};
        int r = sealed_config_load(s->paths, s->presence, NULL, &findings, &t->in_force);
        log_lines(LOG_ERR, &findings, SIZE_MAX);
        if (r < 0 && findings.count == 0)
                return error_set(error, EXIT_IO, "cannot keep the configuration in memory: %s",
                                 strerror(-r));
        if (r < 0)
                return error_set(error, EXIT_CONFIG, "cannot start: %s%s", findings.lines[0],
                                 findings.count > 1 ? "; stintd --check-config shows more" : "");
        t->generation = 1;
        log_set_level(t->in_force.config->log_level);
        return 0;
}

/* To who asked for the reload. */
static void report_send(Supervisor *s, int error, const char *report) {
        SuperviseMessage part = {.type = SUPERVISE_RELOAD_REPORT},
                         done = {.type = SUPERVISE_RELOAD_DONE,
                                 .serial = s->settings.covered,
                                 .generation = s->settings.generation,
                                 .error = error};
        for (; *report; report += strlen(part.text)) {
                snprintf(part.text, sizeof part.text, "%s", report);
                dispatcher_send(s, &part, -1);
        }
        dispatcher_send(s, &done, -1);
}

/* refusal: NULL, or why in a line. report: what has changed, or all that is wrong. */
static void reload_end(Supervisor *s, const char *refusal, const char *report) {
        sealed_config_done(&s->settings.offered);
        if (refusal)
                log_error("the new configuration is refused: %s; the old one stays in force",
                          refusal);
        notify_ready();
        notify_status(STATUS_SETTINGS, "%s%.80s", refusal ? "new configuration refused: " : "",
                      refusal ? refusal : "");
        if (s->settings.covered > 0)
                report_send(s, refusal ? EINVAL : 0, report);
}

static void offer_refuse(Supervisor *s, const ConfigFindings *findings) {
        char summary[64], report[SUPERVISE_REPORT_MAX];
        log_lines(LOG_ERR, findings, SIZE_MAX);
        snprintf(summary, sizeof summary, "%zu finding%s, see the log", findings->count,
                 findings->count == 1 ? "" : "s");
        config_findings_text(findings, report, sizeof report);
        reload_end(s, findings->count > 0 ? summary : report, report);
}

void settings_try(Supervisor *s) {
        Settings *t = &s->settings;
        _cleanup_(config_findings_done) ConfigFindings findings = {0};
        SuperviseMessage m = {.type = SUPERVISE_RELOAD, .generation = t->generation + 1};
        if (!t->wanted || t->offered.config || s->dispatcher.state != DISPATCHER_READY)
                return;
        t->wanted = false;
        t->covered = t->asked;
        if (sealed_config_load(s->paths, s->presence, t->in_force.config, &findings, &t->offered))
                offer_refuse(s, &findings);
        else
                dispatcher_send(s, &m, t->offered.fd);
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

static void offer_accept(Supervisor *s) {
        Settings *t = &s->settings;
        _cleanup_(config_findings_done) ConfigFindings changes = {0};
        char report[SUPERVISE_REPORT_MAX] = "";
        if (config_changes(t->in_force.config, t->offered.config, &changes) == 0 && changes.count)
                config_findings_text(&changes, report, sizeof report);
        sealed_config_done(&t->in_force);
        t->in_force = t->offered;
        t->offered = SEALED_CONFIG_NONE;
        t->generation++;
        log_set_level(t->in_force.config->log_level);
        log_notice("configuration %" PRIu64 " is in force; changes: %zu", t->generation,
                   changes.count);
        log_lines(LOG_NOTICE, &changes, CHANGES_LOGGED);
        reload_end(s, NULL, report);
}

void settings_answered(Supervisor *s, const SuperviseMessage *message) {
        Settings *t = &s->settings;
        if (!t->offered.config || message->generation != t->generation + 1)
                return;
        const char *why = message->text[0] ? message->text : strerror(message->error);
        if (message->error == 0)
                offer_accept(s);
        else
                reload_end(s, why, why);
        settings_try(s);
}

void settings_unanswered(Supervisor *s) {
        s->settings.asked = s->settings.covered = 0; /* the next one counts anew */
        if (s->settings.offered.config)
                reload_end(s, "the dispatcher ended before it took it", "");
}

void settings_done(Supervisor *s) {
        sealed_config_done(&s->settings.in_force);
        sealed_config_done(&s->settings.offered);
}
