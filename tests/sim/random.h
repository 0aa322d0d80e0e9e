/* The simulator's only source of chance: splitmix64 (Steele, Lea, Flood: "Fast splittable
 * pseudorandom number generators"), so that a seed gives the same world everywhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct Random {
        uint64_t state;
} Random;

static inline uint64_t random_next(Random *r) {
        uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* 0 … n - 1; n > 0. The bias of the remainder does not matter here. */
static inline uint64_t random_below(Random *r, uint64_t n) {
        return random_next(r) % n;
}

/* low … high, both possible. */
static inline uint64_t random_between(Random *r, uint64_t low, uint64_t high) {
        return low + random_below(r, high - low + 1);
}

static inline bool random_chance(Random *r, unsigned permille) {
        return random_below(r, 1000) < permille;
}
