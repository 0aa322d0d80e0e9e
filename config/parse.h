/* Configuration text as a tree of values, each with the file and line where it stands. */
#pragma once

#include "config/source.h"

typedef enum NodeType {
        NODE_GROUP,
        NODE_LIST, /* libconfig's lists ( … ) and arrays [ … ] */
        NODE_STRING,
        NODE_INTEGER,
        NODE_FLOAT,
        NODE_BOOL,
} NodeType;

typedef struct Node Node;
struct Node {
        NodeType type;
        char *name; /* NULL: an element of a list, or the root */
        ConfigPlace place;
        char *text;      /* string */
        int64_t integer; /* integer, or bool as 0 and 1 */
        double number;   /* float */
        Node *items;     /* group, list */
        size_t count;
};

/* Parses s; places in the tree point into s. 0, or what was reported (the first syntax error). */
int parse_source(const Source *s, Report *report, Node *ret);
void node_done(Node *n);

const Node *node_member(const Node *group, const char *name); /* NULL: none */

/* The value as a person would write it, escaped and cut: "abc", 42, a group. Returns buf. */
const char *node_render(const Node *n, char *buf, size_t size);
