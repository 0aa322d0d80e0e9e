/* Random inputs for property tests. Every run starts from the same seed, so that a failure comes
 * back; STINT_TEST_SEED=N tries others, and every failed CHECK names the seed.
 *
 * CHECK is for loops: a passed assertion of Criterion's is a message to the parent process, which
 * costs more than what is tested. */
#pragma once

#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct Random {
        uint64_t seed, state;
} Random;

static inline Random random_start(void) {
        const char *chosen = getenv("STINT_TEST_SEED");
        uint64_t seed = chosen ? strtoull(chosen, NULL, 10) : 20240501;
        return (Random){.seed = seed, .state = seed};
}

/* A 64-bit counter through a mixing function (the constants are those of splitmix64). */
static inline uint64_t random_u64(Random *r) {
        uint64_t x = r->state += 0x9E3779B97F4A7C15u;
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
        x = (x ^ x >> 27) * 0x94D049BB133111EBu;
        return x ^ x >> 31;
}

/* 0 … bound - 1. */
static inline uint64_t random_below(Random *r, uint64_t bound) {
        return random_u64(r) % bound;
}

/* Any number of bits is as likely as any other, so that limits are met often. */
static inline uint64_t random_any_size(Random *r) {
        return random_u64(r) >> random_below(r, 64);
}

#define CHECK(random, condition)                                                                   \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        cr_assert_fail("%s (STINT_TEST_SEED=%" PRIu64 ")", #condition,             \
                                       (random)->seed);                                            \
        } while (0)
