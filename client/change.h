/* What requests that change tasks share. */
#pragma once

#include "client/client.h"

/* Numbers a request that client_call is given next. What has gathered goes out first: numbers are
 * sent in their order. 0, or -code. */
int change_number(StintClient *c, WireText *ret_client, uint64_t *ret_seq, uint64_t *ret_held);
