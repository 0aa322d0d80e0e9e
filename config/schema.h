/* Every key of the configuration, as data: what reads, checks, writes and documents keys goes
 * through this table, so that a key is added by one row (and a field in config.h). */
#pragma once

#include "config/config.h"

typedef enum ConfigType {
        TYPE_CHOICE,    /* one of the words; an int in the record */
        TYPE_COUNT,     /* integer from min to max, or one of the words; uint32_t or uint64_t */
        TYPE_DURATION,  /* string, min … max microseconds, or one of the words; usec_t */
        TYPE_SIZE,      /* string, min … max bytes, or one of the words; uint64_t */
        TYPE_NAME,      /* string, a name of min … max bytes; char[] */
        TYPE_SOCKET,    /* string, an absolute path of at most max bytes; char[] */
        TYPE_STORE_URL, /* string, memory: or sqlite:/absolute/path; char[] */
        TYPE_QUEUES,    /* array or list of names; PoolConfig.queues and queue_count */
} ConfigType;

/* When a reload that changes the key is felt. */
typedef enum ConfigEffect {
        EFFECT_AT_ONCE,
        EFFECT_NEW_TASKS, /* by what is submitted from then on */
        EFFECT_RESTART,   /* not at all: it is refused */
} ConfigEffect;

typedef struct ConfigWord {
        const char *word;
        uint64_t value;
} ConfigWord;

typedef struct ConfigKey {
        const char *group; /* "daemon", "store.retention"; "queues", "pools" for their entries */
        const char *name;
        ConfigType type;
        uint64_t min, max;
        const ConfigWord *words; /* that stand for a value */
        size_t word_count;
        const char *fallback;      /* as it is written in a file; NULL: see fallback_note */
        const char *fallback_note; /* what holds without the key when fallback is NULL */
        const char *meaning;
        ConfigEffect effect;
        const char *effect_note; /* what happens then, as a clause; NULL: nothing else */
        size_t offset, size;     /* of the field in Config, or in QueueConfig or PoolConfig */
        size_t place;            /* offset of its ConfigPlace there */
} ConfigKey;

/* The rows, group by group, in the order in which they are documented and written. */
const ConfigKey *config_schema(size_t *ret_count);

bool config_group_is_list(const char *group); /* of entries with a name each: queues, pools */

/* The rows of one group, by number from 0. false: there is none of that number. */
typedef struct ConfigKeys {
        const char *group;
        const ConfigKey *items; /* of a list, the first is the name */
        size_t count;
} ConfigKeys;
bool config_schema_group(size_t number, ConfigKeys *ret);

/* What a list of c holds, whose group it is. A record is a QueueConfig or a PoolConfig, and begins
 * with its name. */
typedef struct ConfigEntries {
        const char *records;
        size_t count, size;
} ConfigEntries;
ConfigEntries config_entries(const Config *c, const char *group);
const char *config_entry(const ConfigEntries *e, size_t i);              /* also its name */
const char *config_entry_find(const ConfigEntries *e, const char *name); /* NULL: none */

/* The row of group.name, or NULL. */
const ConfigKey *config_schema_find(const char *group, const char *name);

/* A group that any row names, or that holds one ("store" for "store.retention"). */
bool config_schema_has_group(const char *group);

/* Names that may stand in group ("" is the top): keys and groups. At most size of them; returns how
 * many. Pointers are static. */
size_t config_schema_names(const char *group, const char **ret, size_t size);
