/* See command-spec.h. Keys are rows of a table. What is decoded lives in one allocation: the
 * struct, the two vectors, then the strings; a string of n bytes takes at least n + 1 bytes of
 * MessagePack, so the size of the message bounds the strings with their NULs. */
#include "common/command-spec.h"

#include <errno.h>
#include <msgpack.h>

#define SPEC_DEPTH 2 /* a map of arrays of strings */

/* ---- encoding ---- */

static void pack_bytes(msgpack_packer *p, const void *data, size_t size) {
        msgpack_pack_bin(p, size);
        msgpack_pack_bin_body(p, data, size);
}

static void pack_key(msgpack_packer *p, const char *key) {
        msgpack_pack_str(p, strlen(key));
        msgpack_pack_str_body(p, key, strlen(key));
}

static void pack_strings(msgpack_packer *p, const char *key, const char *const *items, size_t n) {
        pack_key(p, key);
        msgpack_pack_array(p, n);
        for (size_t i = 0; i < n; i++)
                pack_bytes(p, items[i], strlen(items[i]));
}

static void pack_string(msgpack_packer *p, const char *key, const char *value) {
        pack_key(p, key);
        pack_bytes(p, value, strlen(value));
}

static int spec_check(const CommandSpec *s) {
        if (s->argc == 0 || s->umask > 0777 || s->nice > COMMAND_NICE_MAX)
                return -EINVAL;
        if (s->cwd && s->cwd[0] != '/')
                return -EINVAL;
        if (s->stdin_kind == COMMAND_STDIN_FILE && (!s->stdin_file || s->stdin_file[0] != '/'))
                return -EINVAL;
        if (s->argc > COMMAND_ARGS_MAX || s->env_count > COMMAND_ENV_MAX)
                return -E2BIG;
        if (s->stdin_kind == COMMAND_STDIN_BYTES && s->stdin_bytes.size > WIRE_STDIN_MAX)
                return -E2BIG;
        for (size_t i = 0; i < s->env_count; i++)
                if (s->env[i][0] == '=' || s->env[i][0] == '\0')
                        return -EINVAL;
        return 0;
}

int command_spec_encode(const CommandSpec *s, void **ret_data, size_t *ret_size) {
        int r = spec_check(s);
        if (r < 0)
                return r;
        msgpack_sbuffer buffer;
        msgpack_sbuffer_init(&buffer);
        msgpack_packer p;
        msgpack_packer_init(&p, &buffer, msgpack_sbuffer_write);
        size_t pairs = 3; /* argv, umask, output_limit */
        pairs += s->cwd ? 1 : 0;
        pairs += s->nice > 0 ? 1 : 0;
        pairs += s->stdin_kind != COMMAND_STDIN_NULL ? 1 : 0;
        pairs += s->env_count > 0 ? 1 : 0;
        msgpack_pack_map(&p, pairs);
        pack_strings(&p, "argv", s->argv, s->argc);
        if (s->cwd)
                pack_string(&p, "cwd", s->cwd);
        pack_key(&p, "umask");
        msgpack_pack_uint32(&p, s->umask);
        if (s->nice > 0) {
                pack_key(&p, "nice");
                msgpack_pack_uint32(&p, s->nice);
        }
        if (s->stdin_kind == COMMAND_STDIN_BYTES) {
                pack_key(&p, "stdin");
                pack_bytes(&p, s->stdin_bytes.data, s->stdin_bytes.size);
        } else if (s->stdin_kind == COMMAND_STDIN_FILE) {
                pack_string(&p, "stdin_file", s->stdin_file);
        }
        pack_key(&p, "output_limit");
        msgpack_pack_uint64(&p, s->output_limit);
        if (s->env_count > 0)
                pack_strings(&p, "env", s->env, s->env_count);

        /* The buffer reports a failed allocation only by stopping short: what it holds is checked
         * as a reader would. */
        if (buffer.size > WIRE_PAYLOAD_MAX)
                r = -E2BIG;
        else if (wire_validate(buffer.data, buffer.size, SPEC_DEPTH) < 0)
                r = -ENOMEM;
        if (r < 0) {
                msgpack_sbuffer_destroy(&buffer);
                return r;
        }
        *ret_size = buffer.size;
        *ret_data = msgpack_sbuffer_release(&buffer);
        return 0;
}

/* ---- decoding ---- */

typedef struct Arena {
        char *next, *end;
} Arena;

static void *arena_take(Arena *a, size_t size) {
        ASSERT(size <= (size_t)(a->end - a->next));
        void *taken = a->next;
        a->next += size;
        return taken;
}

static int read_bytes(const msgpack_object *o, WireText *ret) {
        if (o->type == MSGPACK_OBJECT_BIN)
                *ret = wire_bytes(o->via.bin.ptr, o->via.bin.size);
        else if (o->type == MSGPACK_OBJECT_STR)
                *ret = wire_bytes(o->via.str.ptr, o->via.str.size);
        else
                return -EINVAL;
        return 0;
}

static int read_string(const msgpack_object *o, Arena *a, const char **ret) {
        WireText t;
        if (read_bytes(o, &t) < 0 || (t.size > 0 && memchr(t.data, '\0', t.size)))
                return -EINVAL;
        char *copy = arena_take(a, t.size + 1);
        if (t.size > 0)
                memcpy(copy, t.data, t.size);
        copy[t.size] = '\0';
        *ret = copy;
        return 0;
}

static int read_strings(const msgpack_object *o, Arena *a, const char **vector, size_t max,
                        size_t *ret_count) {
        if (o->type != MSGPACK_OBJECT_ARRAY)
                return -EINVAL;
        if (o->via.array.size > max)
                return -E2BIG;
        for (uint32_t i = 0; i < o->via.array.size; i++) {
                int r = read_string(&o->via.array.ptr[i], a, &vector[i]);
                if (r < 0)
                        return r;
        }
        *ret_count = o->via.array.size;
        return 0;
}

static int read_argv(CommandSpec *s, const msgpack_object *o, Arena *a) {
        return read_strings(o, a, (const char **)(void *)s->argv, COMMAND_ARGS_MAX, &s->argc);
}

static int read_env(CommandSpec *s, const msgpack_object *o, Arena *a) {
        return read_strings(o, a, (const char **)(void *)s->env, COMMAND_ENV_MAX, &s->env_count);
}

static int read_cwd(CommandSpec *s, const msgpack_object *o, Arena *a) {
        return read_string(o, a, &s->cwd);
}

static int read_umask(CommandSpec *s, const msgpack_object *o, Arena *a) {
        if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > 0777)
                return -EINVAL;
        s->umask = (uint32_t)o->via.u64;
        return 0;
}

static int read_nice(CommandSpec *s, const msgpack_object *o, Arena *a) {
        if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER || o->via.u64 > COMMAND_NICE_MAX)
                return -EINVAL;
        s->nice = (uint32_t)o->via.u64;
        return 0;
}

static int read_stdin(CommandSpec *s, const msgpack_object *o, Arena *a) {
        WireText t;
        if (s->stdin_kind != COMMAND_STDIN_NULL || read_bytes(o, &t) < 0)
                return -EINVAL;
        if (t.size > WIRE_STDIN_MAX)
                return -E2BIG;
        char *copy = arena_take(a, t.size);
        if (t.size > 0)
                memcpy(copy, t.data, t.size);
        s->stdin_bytes = wire_bytes(copy, t.size);
        s->stdin_kind = COMMAND_STDIN_BYTES;
        return 0;
}

static int read_stdin_file(CommandSpec *s, const msgpack_object *o, Arena *a) {
        if (s->stdin_kind != COMMAND_STDIN_NULL)
                return -EINVAL;
        s->stdin_kind = COMMAND_STDIN_FILE;
        return read_string(o, a, &s->stdin_file);
}

static int read_output_limit(CommandSpec *s, const msgpack_object *o, Arena *a) {
        if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
                return -EINVAL;
        s->output_limit = o->via.u64;
        return 0;
}

static const struct {
        const char *name;
        int (*read)(CommandSpec *s, const msgpack_object *o, Arena *a);
} keys[] = {
        {"argv", read_argv},
        {"cwd", read_cwd},
        {"umask", read_umask},
        {"nice", read_nice},
        {"stdin", read_stdin},
        {"stdin_file", read_stdin_file},
        {"output_limit", read_output_limit},
        {"env", read_env},
};

static int read_pair(CommandSpec *s, const msgpack_object_kv *pair, unsigned *seen, Arena *a) {
        WireText key;
        if (read_bytes(&pair->key, &key) < 0)
                return -EINVAL;
        for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
                if (!wire_text_is(key, keys[i].name))
                        continue;
                if (*seen & 1u << i)
                        return -EINVAL;
                *seen |= 1u << i;
                return keys[i].read(s, &pair->val, a);
        }
        return -EINVAL;
}

/* How many strings the value of key has; 0 when it is no array. */
static size_t count_of(const msgpack_object *map, const char *key) {
        for (uint32_t i = 0; i < map->via.map.size; i++) {
                const msgpack_object_kv *pair = &map->via.map.ptr[i];
                WireText name;
                if (read_bytes(&pair->key, &name) == 0 && wire_text_is(name, key) &&
                    pair->val.type == MSGPACK_OBJECT_ARRAY)
                        return pair->val.via.array.size;
        }
        return 0;
}

static int read_map(const msgpack_object *map, size_t size, CommandSpec **ret) {
        if (map->type != MSGPACK_OBJECT_MAP)
                return -EBADMSG;
        size_t argc = count_of(map, "argv"), env_count = count_of(map, "env");
        size_t room = sizeof(CommandSpec) + (argc + env_count + 2) * sizeof(char *) + size;
        char *block = calloc(1, room);
        if (!block)
                return -ENOMEM;
        Arena arena = {block, block + room};
        CommandSpec *s = arena_take(&arena, sizeof *s);
        s->umask = COMMAND_UMASK;
        s->output_limit = COMMAND_OUTPUT_LIMIT;
        s->argv = arena_take(&arena, (argc + 1) * sizeof(char *));
        s->env = arena_take(&arena, (env_count + 1) * sizeof(char *));
        unsigned seen = 0;
        int r = 0;
        for (uint32_t i = 0; r == 0 && i < map->via.map.size; i++)
                r = read_pair(s, &map->via.map.ptr[i], &seen, &arena);
        if (r == 0)
                r = spec_check(s);
        if (r < 0) {
                free(block);
                return r;
        }
        *ret = s;
        return 0;
}

int command_spec_decode(const void *data, size_t size, CommandSpec **ret) {
        if (size > WIRE_PAYLOAD_MAX)
                return -E2BIG;
        if (wire_validate(data, size, SPEC_DEPTH) < 0)
                return -EBADMSG;
        msgpack_zone zone;
        if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
                return -ENOMEM;
        msgpack_object object;
        size_t offset = 0;
        int r = -ENOMEM; /* it is well-formed: nothing else can fail */
        if (msgpack_unpack(data, size, &offset, &zone, &object) == MSGPACK_UNPACK_SUCCESS)
                r = read_map(&object, size, ret);
        msgpack_zone_destroy(&zone);
        return r;
}

CommandSpec *command_spec_free(CommandSpec *s) {
        free(s); /* the one allocation of read_map begins with it */
        return NULL;
}
