/* What another account may do, as far as it can be told from outside. */
#pragma once

#include <sys/types.h>

typedef enum AccessAnswer { ACCESS_GRANTED, ACCESS_DENIED, ACCESS_UNKNOWN } AccessAnswer;

/* May account enter directory (absolute)? By owners, groups and modes of all that leads to it;
 * unknown where we cannot look. */
AccessAnswer access_to_directory(uid_t account, const char *directory);
