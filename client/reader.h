/* Streams of tasks, read piece by piece. */
#pragma once

#include "client/client.h"

void readers_free(StintClient *c);
