/* The answers of a client as bytes for the store: written and read only here. */
#pragma once

#include "dispatcher/core/client.h"

/* 0; -ENOMEM. */
int answers_write(const Client *client, BlobSlice *ret);
/* Adds what slice tells to a new client. 0; -ENOMEM; -EBADMSG: damaged, or of a later version. */
int answers_read(Client *client, BlobSlice slice);
