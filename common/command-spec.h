/* The payload of a command task: what to execute and how. Made by clients, executed by the worker,
 * shown by `stint show`; the dispatcher and the store pass it on unread. The environment is not in
 * here: it is the task's other blob, strings NAME=VALUE each ended by a NUL (missing after the last
 * one is fine), since many tasks share one.
 *
 * On the wire it is a MessagePack map with these keys, all of them optional but argv:
 *
 *      argv          array of bin or str, 1 … COMMAND_ARGS_MAX; looked up in the task's PATH when
 *                    argv[0] has no slash
 *
 *      cwd           bin or str, absolute; default "/"
 *
 *      umask         0 … 0777; default 022
 *
 *      nice          0 … COMMAND_NICE_MAX: added to the niceness of the worker, which is how it
 *                    cannot be lowered; default 0, and then it is left out, since workers of older
 *                    versions refuse it
 *
 *      stdin         bin or str: the bytes that it reads, at most WIRE_STDIN_MAX
 *
 *      stdin_file    bin or str, absolute: a file to read instead. Neither: /dev/null
 *
 *      output_limit  bytes of each stream that are kept; default COMMAND_OUTPUT_LIMIT
 *
 *      env           array of bin or str: NAME=VALUE is set over the environment, NAME alone is
 *                    removed from it
 *
 * An unknown key, a key given twice, and anything out of bounds refuse the whole: a command runs as
 * it was asked for, or not at all. No string may hold a NUL, except stdin. Decoding validates the
 * raw bytes before anything is allocated. */
#pragma once

#include "common/macro.h"
#include "common/wire.h"

#define COMMAND_ARGS_MAX     65536u
#define COMMAND_ENV_MAX      4096u
#define COMMAND_OUTPUT_LIMIT ((uint64_t)64 << 20)
#define COMMAND_UMASK        022u
#define COMMAND_NICE_MAX     19u

typedef enum CommandStdin {
        COMMAND_STDIN_NULL,
        COMMAND_STDIN_BYTES,
        COMMAND_STDIN_FILE
} CommandStdin;

typedef struct CommandSpec {
        const char *const *argv; /* argc strings, then NULL */
        size_t argc;
        const char *cwd; /* NULL: "/" */
        uint32_t umask;
        uint32_t nice; /* 0: as it is */
        CommandStdin stdin_kind;
        WireText stdin_bytes;   /* COMMAND_STDIN_BYTES */
        const char *stdin_file; /* COMMAND_STDIN_FILE */
        uint64_t output_limit;
        const char *const *env; /* env_count strings, then NULL; may be NULL when there are none */
        size_t env_count;
} CommandSpec;

/* Encodes into memory of its own, to be freed by the caller. 0; -EINVAL or -E2BIG: against the
 * rules above; -ENOMEM. */
int command_spec_encode(const CommandSpec *spec, void **ret_data, size_t *ret_size);

/* Decodes a copy: nothing points into data. Free with command_spec_free. 0; -EBADMSG: no such map;
 * -EINVAL: a value or key against the rules; -E2BIG: beyond a bound; -ENOMEM. */
int command_spec_decode(const void *data, size_t size, CommandSpec **ret);
CommandSpec *
command_spec_free(CommandSpec *spec); /* only decoded ones; accepts NULL, returns NULL */
DEFINE_CLEANUP(CommandSpec *, command_spec_free)
