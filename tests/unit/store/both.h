/* Tests of what every backend does alike: each runs over sqlite: and memory:. */
#pragma once

#include "tests/unit/store/fixture.h"

/* A test of both: the body sees Fixture *f, open and started. */
#define BOTH(name)                                                                                 \
        static void conform_##name(Fixture *f);                                                    \
        Test(sqlite, name) {                                                                       \
                Fixture f;                                                                         \
                fixture_open(&f, "sqlite");                                                        \
                conform_##name(&f);                                                                \
                fixture_close(&f);                                                                 \
        }                                                                                          \
        Test(memory, name) {                                                                       \
                Fixture f;                                                                         \
                fixture_open(&f, "memory");                                                        \
                conform_##name(&f);                                                                \
                fixture_close(&f);                                                                 \
        }                                                                                          \
        static void conform_##name(Fixture *f)

#define RUN(n) RUN_ID(store_epoch(f->store), n)
