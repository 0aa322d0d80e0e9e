/* The model of `stint top` on the screen. */
#pragma once

#include "client/cli/top-model.h"
#include "client/cli/top-screen.h"

/* Draws all of it; what it looks like depends on the model and on the size of the screen alone. */
void top_draw(TopScreen *s, TopModel *m);
