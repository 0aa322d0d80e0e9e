/* A command's payload: what goes in comes out, and nothing that a stranger sends gets further than
 * an error. */
#include "common/command-spec.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <msgpack.h>

static const char *const words[] = {"/bin/echo", "a b", "", "\xff\xfe", NULL};
static const char *const settings[] = {"A=1", "B=", "HOME", NULL};

/* Encodes, which must succeed, decodes, and gives the result; the bytes are gone by then. */
static CommandSpec *round_trip(CommandSpec spec) {
        _cleanup_(freep) void *data = NULL;
        size_t size;
        CommandSpec *decoded = NULL;
        cr_assert_eq(command_spec_encode(&spec, &data, &size), 0);
        cr_assert_eq(command_spec_decode(data, size, &decoded), 0);
        return decoded;
}

static int encode_error(CommandSpec spec) {
        void *data;
        size_t size;
        return command_spec_encode(&spec, &data, &size);
}

Test(command_spec, all_fields_round_trip) {
        _cleanup_(command_spec_freep) CommandSpec *s = round_trip((CommandSpec){
                .argv = words,
                .argc = 4,
                .cwd = "/tmp/x y",
                .umask = 077,
                .nice = 7,
                .stdin_kind = COMMAND_STDIN_BYTES,
                .stdin_bytes = wire_bytes("a\0b", 3),
                .output_limit = 12345678901,
                .env = settings,
                .env_count = 3,
        });
        cr_assert_eq(s->argc, 4);
        for (size_t i = 0; i < 4; i++)
                cr_assert_str_eq(s->argv[i], words[i]);
        cr_assert_null(s->argv[4]);
        cr_assert_str_eq(s->cwd, "/tmp/x y");
        cr_assert_eq(s->umask, 077);
        cr_assert_eq(s->nice, 7);
        cr_assert_eq(s->stdin_kind, COMMAND_STDIN_BYTES);
        cr_assert_eq(s->stdin_bytes.size, 3);
        cr_assert_arr_eq(s->stdin_bytes.data, "a\0b", 3);
        cr_assert_eq(s->output_limit, 12345678901);
        cr_assert_eq(s->env_count, 3);
        for (size_t i = 0; i < 3; i++)
                cr_assert_str_eq(s->env[i], settings[i]);
        cr_assert_null(s->env[3]);
}

Test(command_spec, a_file_and_empty_bytes_are_stdin_too) {
        _cleanup_(command_spec_freep) CommandSpec *file =
                round_trip((CommandSpec){.argv = words,
                                         .argc = 1,
                                         .stdin_kind = COMMAND_STDIN_FILE,
                                         .stdin_file = "/etc/x"});
        _cleanup_(command_spec_freep) CommandSpec *empty = round_trip(
                (CommandSpec){.argv = words, .argc = 1, .stdin_kind = COMMAND_STDIN_BYTES});
        cr_assert_eq(file->stdin_kind, COMMAND_STDIN_FILE);
        cr_assert_str_eq(file->stdin_file, "/etc/x");
        cr_assert_eq(empty->stdin_kind, COMMAND_STDIN_BYTES);
        cr_assert_eq(empty->stdin_bytes.size, 0);
}

Test(command_spec, refuses_to_encode_what_cannot_be_decoded) {
        cr_assert_eq(encode_error((CommandSpec){.argv = words}), -EINVAL);
        cr_assert_eq(encode_error((CommandSpec){.argv = words, .argc = 1, .cwd = "tmp"}), -EINVAL);
        cr_assert_eq(encode_error((CommandSpec){.argv = words, .argc = 1, .umask = 01000}),
                     -EINVAL);
        cr_assert_eq(encode_error((CommandSpec){.argv = words,
                                                .argc = 1,
                                                .stdin_kind = COMMAND_STDIN_FILE,
                                                .stdin_file = "x"}),
                     -EINVAL);
        cr_assert_eq(encode_error((CommandSpec){.argv = words, .argc = COMMAND_ARGS_MAX + 1}),
                     -E2BIG);
        cr_assert_eq(encode_error((CommandSpec){.argv = words,
                                                .argc = 1,
                                                .stdin_kind = COMMAND_STDIN_BYTES,
                                                .stdin_bytes = {"", WIRE_STDIN_MAX + 1}}),
                     -E2BIG);
        const char *nameless[] = {"=x", NULL};
        cr_assert_eq(encode_error((CommandSpec){
                             .argv = words, .argc = 1, .env = nameless, .env_count = 1}),
                     -EINVAL);
}

Test(command_spec, the_largest_stdin_passes) {
        _cleanup_(freep) char *bytes = calloc(1, WIRE_STDIN_MAX);
        _cleanup_(command_spec_freep) CommandSpec *s =
                round_trip((CommandSpec){.argv = words,
                                         .argc = 1,
                                         .stdin_kind = COMMAND_STDIN_BYTES,
                                         .stdin_bytes = {bytes, WIRE_STDIN_MAX}});
        cr_assert_eq(s->stdin_bytes.size, WIRE_STDIN_MAX);
}

/* A message written by hand. */
static int decode_error(const char *bytes, size_t size) {
        _cleanup_(command_spec_freep) CommandSpec *s = NULL;
        return command_spec_decode(bytes, size, &s);
}
#define DECODE(literal) decode_error(literal, sizeof(literal) - 1)

Test(command_spec, defaults_hold_for_what_is_missing) {
        CommandSpec *s = NULL;
        cr_assert_eq(command_spec_decode("\x81\xa4"
                                         "argv\x91\xa1x",
                                         9, &s),
                     0);
        cr_assert_str_eq(s->argv[0], "x");
        cr_assert_null(s->cwd);
        cr_assert_eq(s->umask, COMMAND_UMASK);
        cr_assert_eq(s->nice, 0);
        cr_assert_eq(s->output_limit, COMMAND_OUTPUT_LIMIT);
        cr_assert_eq(s->stdin_kind, COMMAND_STDIN_NULL);
        cr_assert_eq(s->env_count, 0);
        command_spec_free(s);
}

Test(command_spec, no_niceness_is_left_out_for_older_workers) {
        for (uint32_t nice = 0; nice <= COMMAND_NICE_MAX; nice++) {
                _cleanup_(freep) void *data = NULL;
                size_t size;
                CommandSpec spec = {.argv = words, .argc = 1, .nice = nice};
                cr_assert_eq(command_spec_encode(&spec, &data, &size), 0);
                cr_assert_eq(memmem(data, size, "nice", 4) != NULL, nice > 0);
        }
        cr_assert_eq(
                encode_error((CommandSpec){.argv = words, .argc = 1, .nice = COMMAND_NICE_MAX + 1}),
                -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa4"
                            "nice\x14"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa4"
                            "nice\xff"),
                     -EINVAL);
}

Test(command_spec, garbage_is_an_error) {
        cr_assert_eq(DECODE(""), -EBADMSG);
        cr_assert_eq(DECODE("\xc0"), -EBADMSG); /* no map */
        cr_assert_eq(DECODE("\x80"), -EINVAL);  /* no argv */
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\x90"),
                     -EINVAL); /* of no words */
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\xa1x"),
                     -EINVAL); /* that is no array */
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\x91\x01"),
                     -EINVAL); /* of a number */
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\x91\xa1\0"),
                     -EINVAL); /* with a NUL */
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\x91\x91\xa1x"),
                     -EBADMSG); /* too deep */
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\xdd\xff\xff\xff\xff"),
                     -EBADMSG);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa4"
                            "argv\x91\xa1y"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa4"
                            "nize\x05"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa5"
                            "umask\xcd\x02\x00"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa3"
                            "cwd\xa1x"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xa3"
                            "env\x91\xa0"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\xaa"
                            "stdin_file\xa1x"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x82\xa4"
                            "argv\x91\xa1x\x01\x02"),
                     -EINVAL);
        cr_assert_eq(DECODE("\x81\xa4"
                            "argv\x91\xa1x!"),
                     -EBADMSG); /* and something behind it */
}

Test(command_spec, too_many_words_are_refused) {
        static const char head[] = "\x81\xa4"
                                   "argv\xdd\x00\x01\x00\x01";
        size_t size = sizeof head - 1 + COMMAND_ARGS_MAX + 1;
        _cleanup_(freep) char *bytes = malloc(size);
        memcpy(bytes, head, sizeof head - 1);
        memset(bytes + sizeof head - 1, 0xa0, COMMAND_ARGS_MAX + 1); /* empty strings */
        cr_assert_eq(decode_error(bytes, size), -E2BIG);
}

Test(command_spec, every_cut_and_every_flipped_byte_is_survived) {
        _cleanup_(freep) void *data = NULL;
        size_t size;
        CommandSpec spec = {.argv = words,
                            .argc = 4,
                            .cwd = "/tmp",
                            .stdin_kind = COMMAND_STDIN_BYTES,
                            .stdin_bytes = wire_bytes("abc", 3),
                            .env = settings,
                            .env_count = 3};
        cr_assert_eq(command_spec_encode(&spec, &data, &size), 0);
        for (size_t cut = 0; cut < size; cut++) {
                _cleanup_(freep) char *part = malloc(cut + 1); /* ends where the bytes do */
                memcpy(part, data, cut);
                cr_assert_lt(decode_error(part, cut), 0);
        }
        for (size_t at = 0; at < size; at++)
                for (unsigned value = 0; value < 256; value++) {
                        char *byte = (char *)data + at, kept = *byte;
                        *byte = (char)value;
                        (void)decode_error(data, size);
                        *byte = kept;
                }
}
