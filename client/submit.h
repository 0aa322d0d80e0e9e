/* Tasks become SUBMITs: gathered until there are many, or somebody waits. */
#pragma once

#include "client/client.h"

void submit_send(StintClient *c);   /* what has gathered */
void submit_forget(StintFuture *f); /* one of those is freed: its task goes on */
void submit_free(StintClient *c);
