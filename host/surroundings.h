/* What a daemon brings in order at its start, before it opens anything. */
#pragma once

/* Descriptors 0 to 2 are open from here on (0 reads nothing), the directory is / so that none is
 * kept busy, the umask is 077. 0 or negative errno. */
int surroundings_prepare(void);
