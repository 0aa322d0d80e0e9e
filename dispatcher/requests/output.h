/* OUTPUT, again: what request_output does, and Follow calls once something has come. */
#pragma once

#include "dispatcher/requests/request.h"

void output_try(RequestContext *x, const FollowRequest *request);
