/* The rules of paths.h. Finding reads only the environment and the account; preparing creates.
 *
 * A directory is opened once and then examined and used through its descriptor, so that nobody can
 * exchange it between the check and the use. Below a directory in which others may write (/tmp) it
 * must be no link, ours, and closed to everybody else; elsewhere it must be ours and others may not
 * write. */
#include "common/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_PATH_MAX     107 /* sun_path without its NUL */
#define SOCKET_NAME_LONGEST "/w/4294967295.sock"

/* ---- finding ---- */

/* The variable's absolute path into ret; 0: it is unset or empty; 1: found; negative: refused. */
static int variable_path(const char *variable, char *ret, Error *error) {
        const char *value = getenv(variable);
        if (!value || !*value)
                return 0;
        if (*value != '/')
                return error_set(error, EXIT_CONFIG,
                                 "%s is the relative path \"%s\": it must be absolute; "
                                 "set it to a path that starts with / or unset it",
                                 variable, value);
        if (strlen(value) >= PATH_MAX)
                return error_set(error, EXIT_CONFIG,
                                 "%s is longer than %d bytes; set a shorter path", variable,
                                 PATH_MAX - 1);
        strcpy(ret, value);
        for (size_t n = strlen(ret); n > 1 && ret[n - 1] == '/'; n--)
                ret[n - 1] = '\0';
        return 1;
}

static int path_join(char *ret, const char *directory, const char *name, Error *error) {
        if (snprintf(ret, PATH_MAX, "%s%s", directory, name) >= PATH_MAX)
                return error_set(error, EXIT_CONFIG,
                                 "the path %.64s… followed by %s is longer than %d bytes; "
                                 "choose a shorter directory",
                                 directory, name, PATH_MAX - 1);
        return 0;
}

static int home_path(char *ret, Error *error) {
        int r = variable_path("HOME", ret, error);
        if (r != 0)
                return r;
        struct passwd account, *found = NULL;
        char buffer[16384];
        r = getpwuid_r(geteuid(), &account, buffer, sizeof(buffer), &found);
        if (r != 0 || !found || found->pw_dir[0] != '/' || strlen(found->pw_dir) >= PATH_MAX)
                return error_set(
                        error, EXIT_CONFIG,
                        "no home directory: HOME is unset and the account of uid %u has none; "
                        "set HOME, or STINT_STATE_DIR and XDG_CONFIG_HOME",
                        geteuid());
        strcpy(ret, found->pw_dir);
        return 0;
}

/* $VARIABLE/stint, or ~/FALLBACK/stint. */
static int xdg_path(const char *variable, const char *fallback, char *ret, Error *error) {
        char base[PATH_MAX], home[PATH_MAX];
        int r = variable_path(variable, base, error);
        if (r == 0) {
                r = home_path(home, error);
                if (r >= 0)
                        r = path_join(base, home, fallback, error);
        }
        return r < 0 ? r : path_join(ret, base, "/stint", error);
}

static int find_config(InstanceKind kind, InstancePaths *paths, Error *error) {
        char directory[PATH_MAX] = STINT_SYSCONF;
        int r = 0;
        if (kind == INSTANCE_USER)
                r = xdg_path("XDG_CONFIG_HOME", "/.config", directory, error);
        if (r >= 0)
                r = path_join(paths->config, directory, "/stintd.conf", error);
        return r < 0 ? r : path_join(paths->config_d, directory, "/conf.d", error);
}

static int find_state(InstanceKind kind, InstancePaths *paths, Error *error) {
        int r = variable_path("STINT_STATE_DIR", paths->state, error);
        if (r != 0)
                return r;
        if (kind == INSTANCE_SYSTEM)
                return path_join(paths->state, STINT_SYSTEM_STATE, "", error);
        return xdg_path("XDG_STATE_HOME", "/.local/state", paths->state, error);
}

static int find_run(InstanceKind kind, InstancePaths *paths, Error *error) {
        char base[PATH_MAX];
        int r = variable_path("STINT_RUN_DIR", paths->run, error);
        if (r != 0)
                return r;
        if (kind == INSTANCE_SYSTEM)
                return path_join(paths->run, STINT_SYSTEM_RUN, "", error);
        r = variable_path("XDG_RUNTIME_DIR", base, error);
        if (r > 0)
                return path_join(paths->run, base, "/stint", error);
        if (r == 0)
                snprintf(paths->run, sizeof(paths->run), "/tmp/stint-%u", geteuid());
        return r;
}

static int check_socket_length(const char *run, Error *error) {
        size_t length = strlen(run) + strlen(SOCKET_NAME_LONGEST);
        if (length <= SOCKET_PATH_MAX)
                return 0;
        return error_set(error, EXIT_CONFIG,
                         "the socket path %.200s" SOCKET_NAME_LONGEST " has %zu bytes: "
                         "a socket's path may have %d; set STINT_RUN_DIR to a shorter directory",
                         run, length, SOCKET_PATH_MAX);
}

int paths_find(InstanceKind kind, InstancePaths *ret, Error *error) {
        InstancePaths paths = {.kind = kind};
        int r = find_config(kind, &paths, error);
        if (r >= 0)
                r = find_state(kind, &paths, error);
        if (r >= 0)
                r = find_run(kind, &paths, error);
        if (r >= 0)
                r = check_socket_length(paths.run, error);
        if (r >= 0)
                r = path_join(paths.control, paths.run, "/control.sock", error);
        if (r >= 0)
                r = path_join(paths.events, paths.run, "/events.sock", error);
        if (r < 0)
                return r;
        *ret = paths;
        return 0;
}

/* ---- preparing ---- */

typedef struct Place {
        const char *path;
        const char *variable; /* what to set to have it elsewhere */
        mode_t mode;
} Place;

static int place_failed(const Place *p, const char *what, Error *error) {
        int code =
                errno == EACCES || errno == EPERM || errno == EROFS ? EXIT_NO_PERMISSION : EXIT_IO;
        return error_set(error, code, "cannot %s %s: %s; make it possible or set %s", what, p->path,
                         strerror(errno), p->variable);
}

static int make_parents(const Place *p, mode_t mode, Error *error) {
        char path[PATH_MAX];
        strcpy(path, p->path);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(path, mode) < 0 && errno != EEXIST && access(path, F_OK) < 0)
                        return place_failed(&(Place){path, p->variable, mode}, "create", error);
                *slash = '/';
        }
        return 0;
}

/* Whether everybody may write in the directory that holds path, so that anybody can put things
 * there before us; unsure counts as yes. */
static int parent_is_shared(const char *path) {
        char parent[PATH_MAX];
        struct stat st;
        strcpy(parent, path);
        char *slash = strrchr(parent, '/');
        slash[slash == parent] = '\0';
        return stat(parent, &st) < 0 ? -errno : (st.st_mode & S_IWOTH) != 0;
}

static int place_check(const Place *p, int fd, int shared, Error *error) {
        struct stat st;
        uid_t uid = geteuid();
        mode_t forbidden = shared ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH;
        if (fstat(fd, &st) < 0)
                return place_failed(p, "examine", error);
        if (st.st_uid != uid && (shared || st.st_uid != 0))
                return error_set(error, EXIT_NO_PERMISSION,
                                 "%s belongs to uid %u, not to uid %u: "
                                 "it is not safe to use; remove it or set %s",
                                 p->path, st.st_uid, uid, p->variable);
        if (st.st_mode & forbidden)
                return error_set(error, EXIT_NO_PERMISSION,
                                 "%s is open to others (mode %04o): it is not safe to use; "
                                 "run chmod %o on it or set %s",
                                 p->path, st.st_mode & 07777, p->mode & ~forbidden, p->variable);
        return 0;
}

/* Makes the directory if it is not there and opens it; the descriptor is the caller's. */
static int place_open(const Place *p, Error *error) {
        int shared = parent_is_shared(p->path);
        if (mkdir(p->path, p->mode) < 0 && errno != EEXIST)
                return place_failed(p, "create", error);
        int fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (shared ? O_NOFOLLOW : 0));
        if (fd < 0 && shared && (errno == ELOOP || errno == ENOTDIR))
                return error_set(error, EXIT_NO_PERMISSION,
                                 "%s is no directory or a link: it is not safe to use; "
                                 "remove it or set %s",
                                 p->path, p->variable);
        if (fd < 0)
                return place_failed(p, "open", error);
        int r = place_check(p, fd, shared, error);
        if (r < 0) {
                close(fd);
                return r;
        }
        return fd;
}

static int place_prepare(const Place *p, const char *const *below, Error *error) {
        int fd = place_open(p, error), r = 0;
        if (fd < 0)
                return fd;
        for (; r == 0 && *below; below++) {
                char path[PATH_MAX + 16];
                snprintf(path, sizeof(path), "%s/%s", p->path, *below);
                if (mkdirat(fd, *below, 0700) < 0 && errno != EEXIST)
                        r = place_failed(&(Place){path, p->variable, 0700}, "create", error);
        }
        close(fd);
        return r;
}

int paths_prepare(const InstancePaths *paths, Error *error) {
        static const char *const in_state[] = {"output", "log", NULL}, *const in_run[] = {"w",
                                                                                          NULL};
        const int is_system = paths->kind == INSTANCE_SYSTEM;
        const Place state = {paths->state, "STINT_STATE_DIR", 0700};
        const Place run = {paths->run, "STINT_RUN_DIR", is_system ? 0755 : 0700};

        int r = make_parents(&state, is_system ? 0755 : 0700, error);
        if (r >= 0 && is_system) /* a user's runtime directory is the login's to make */
                r = make_parents(&run, 0755, error);
        if (r >= 0)
                r = place_prepare(&state, in_state, error);
        return r < 0 ? r : place_prepare(&run, in_run, error);
}

/* ---- the endpoint file ---- */

static int endpoint_failed(const char *path, Error *error) {
        return error_set(error, EXIT_IO, "cannot write %s: %s; clients will not find this instance",
                         path, strerror(errno));
}

int paths_write_endpoint(const InstancePaths *paths, const char *url, Error *error) {
        char path[PATH_MAX], temporary[PATH_MAX];
        int r = path_join(path, paths->state, "/endpoint", error);
        if (r >= 0)
                r = path_join(temporary, paths->state, "/endpoint.XXXXXX", error);
        if (r < 0)
                return r;
        int fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return endpoint_failed(path, error);
        if (dprintf(fd, "%s\n", url) < 0 || fdatasync(fd) < 0 || rename(temporary, path) < 0) {
                r = endpoint_failed(path, error);
                unlink(temporary);
        }
        close(fd);
        return r;
}

int paths_read_endpoint(const InstancePaths *paths, char *ret_url, size_t size) {
        char path[PATH_MAX], line[PATH_MAX + 64];
        if (path_join(path, paths->state, "/endpoint", NULL) < 0)
                return -ENAMETOOLONG;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, line, sizeof(line) - 1);
        int saved_errno = errno;
        close(fd);
        if (n < 0)
                return -saved_errno;
        line[n] = '\0';
        char *end = strchr(line, '\n');
        if (!end || end == line) /* never written so by us */
                return -EBADMSG;
        *end = '\0';
        if ((size_t)(end - line) >= size)
                return -ENOBUFS;
        strcpy(ret_url, line);
        return 0;
}

/* ---- helpers ---- */

static const struct {
        const char *name;
        const char *build; /* its directory in a build tree */
        const char *installed;
} helpers[] = {
        {"stintd", "/supervisor", STINT_BINDIR},
        {"stint-dispatcher", "/dispatcher", STINT_LIBEXEC},
        {"stint-worker", "/worker", STINT_LIBEXEC},
        {"stint", "/client/cli", STINT_BINDIR},
};

/* Keeps the path in ret, found or not. */
static int helper_try(const char *directory, const char *below, const char *name, char *ret,
                      size_t size) {
        if (snprintf(ret, size, "%s%s/%s", directory, below, name) >= (int)size)
                return -ENOENT;
        return access(ret, X_OK) < 0 ? -ENOENT : 0;
}

/* Cuts a program's directory in a build tree down to the tree's root; 0: it is none. */
static int build_root(char *directory) {
        size_t length = strlen(directory);
        for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
                size_t n = strlen(helpers[i].build);
                if (length > n && strcmp(directory + length - n, helpers[i].build) == 0) {
                        directory[length - n] = '\0';
                        return 1;
                }
        }
        return 0;
}

int paths_find_helper(const char *name, char *ret, size_t size) {
        const char *chosen = getenv("STINT_LIBEXECDIR"), *build = "", *installed = STINT_LIBEXEC;
        char directory[PATH_MAX];
        if (chosen && *chosen)
                return helper_try(chosen, "", name, ret, size);

        for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
                if (strcmp(helpers[i].name, name) == 0) {
                        build = helpers[i].build;
                        installed = helpers[i].installed;
                }
        ssize_t n = readlink("/proc/self/exe", directory, sizeof(directory) - 1);
        if (n > 0) {
                directory[n] = '\0';
                *strrchr(directory, '/') = '\0';
                if (helper_try(directory, "", name, ret, size) == 0)
                        return 0;
                if (*build && build_root(directory) &&
                    helper_try(directory, build, name, ret, size) == 0)
                        return 0;
        }
        return helper_try(installed, "", name, ret, size);
}
