/* The configuration in force, as a sealed memfd that every child gets. A new one is in force only
 * when the dispatcher has accepted it; until then and otherwise nothing changes. */
#pragma once

#include "supervisor/supervisor.h"

int settings_load(Supervisor *s, Error *error);
void settings_reload(Supervisor *s); /* SIGHUP */
void settings_try(Supervisor *s);    /* offers a wanted one, once the dispatcher can answer */
void settings_answered(Supervisor *s, const SuperviseMessage *message); /* RELOADED */
void settings_unanswered(Supervisor *s); /* the dispatcher died: what was offered is dropped */
void settings_done(Supervisor *s);
