/* Prints where it finds the helper that is named to it, or what was tried last: paths-helper.c
 * copies this program into made-up build trees and runs it there. */
#include "common/paths.h"

int main(int argc, char **argv) {
        char path[PATH_MAX];
        int r = argc == 2 ? paths_find_helper(argv[1], path, sizeof(path)) : -1;
        printf("%s %s\n", r == 0 ? "found" : "missing", path);
        return r == 0 ? 0 : 1;
}
