/* A socket file is created under umask 0177 and opened up afterwards, so there is no moment in
 * which somebody gets in who should not. */
#include "host/listen.h"

#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Whether path may be taken: nobody listens and what is there, if anything, is a stale socket
 * (removed). */
static int path_claim(const struct sockaddr_un *address) {
        struct stat st;
        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r = connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 ? errno
                                                                                      : EADDRINUSE;
        close(probe);
        if (r != ECONNREFUSED)
                return r == EAGAIN ? -EADDRINUSE : -r;
        return unlink(address->sun_path) < 0 ? -errno : 0;
}

int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof address.sun_path)
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        int r = path_claim(&address);
        if (r < 0)
                return r;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        mode_t mask = umask(0177);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
            listen(fd, SOMAXCONN) < 0) {
                r = -errno;
                if (fd >= 0)
                        close(fd);
                fd = r;
        }
        umask(mask);
        return fd;
}

static const char *listen_advice(int r) {
        switch (-r) {
        case ENAMETOOLONG:
                return "the path of a socket has at most 107 bytes: choose a shorter one";
        case EADDRINUSE:
                return "another program listens there: stop it or choose another path";
        case EEXIST:
                return "what is there is no socket: remove it or choose another path";
        default:
                return "check that the directory exists and can be written";
        }
}

static int path_share(const char *path, const char *group, Error *error) {
        const struct group *g = getgrnam(group);
        if (!g)
                return error_set(error, EXIT_CONFIG,
                                 "no group \"%s\" for %s: create it or name another in the "
                                 "configuration",
                                 group, path);
        if (chown(path, (uid_t)-1, g->gr_gid) < 0 || chmod(path, 0660) < 0)
                return error_set(
                        error, EXIT_NO_PERMISSION,
                        "cannot give %s to group \"%s\": %s; add the account to that group", path,
                        group, strerror(errno));
        return 0;
}

static int listener_make(Listeners *l, size_t i, const char *group, Error *error) {
        int fd = listen_at(l->paths[i]);
        if (fd < 0)
                return error_set(error,
                                 fd == -EACCES || fd == -EPERM ? EXIT_NO_PERMISSION : EXIT_IO,
                                 "cannot listen on %s: %s; %s", l->paths[i], strerror(-fd),
                                 listen_advice(fd));
        l->fds[i] = fd;
        l->origins[i] = LISTENER_MADE;
        return group ? path_share(l->paths[i], group, error) : 0;
}

/* Which of ours it is; l->count: none. */
static size_t listener_of(const Listeners *l, int fd) {
        size_t i = 0;
        while (i < l->count && (l->origins[i] != LISTENER_CLOSED ||
                                sd_is_socket_unix(fd, SOCK_STREAM, 1, l->paths[i], 0) <= 0))
                i++;
        return i;
}

static void listeners_inherit(Listeners *l) {
        int n = sd_listen_fds(1 /* forget the variables */);
        for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
                size_t i = listener_of(l, fd);
                if (i == l->count) {
                        log_warning("a socket from systemd (descriptor %d) is none of ours: "
                                    "closed; compare ListenStream= with the configuration",
                                    fd);
                        close(fd);
                        continue;
                }
                (void)fcntl(fd, F_SETFL, O_NONBLOCK | fcntl(fd, F_GETFL));
                l->fds[i] = fd;
                l->origins[i] = LISTENER_INHERITED;
        }
}

int listeners_open(Listeners *l, const ListenAddress addresses[], size_t count, Error *error) {
        ASSERT(count <= LISTENERS_MAX);
        *l = (Listeners){.count = count};
        for (size_t i = 0; i < count; i++)
                snprintf(l->paths[i], sizeof l->paths[i], "%s", addresses[i].path);
        listeners_inherit(l);
        int r = 0;
        for (size_t i = 0; i < count && r == 0; i++)
                if (l->origins[i] == LISTENER_CLOSED)
                        r = listener_make(l, i, addresses[i].group, error);
        return r;
}

void listeners_close(Listeners *l) {
        for (size_t i = 0; i < l->count; i++) {
                if (l->origins[i] == LISTENER_CLOSED)
                        continue;
                if (l->origins[i] == LISTENER_MADE)
                        unlink(l->paths[i]);
                close(l->fds[i]);
        }
        l->count = 0;
}

void listen_clean(const char *directory) {
        DIR *dir = opendir(directory);
        for (const struct dirent *e; dir && (e = readdir(dir));) {
                size_t n = strlen(e->d_name);
                if (n > 5 && strcmp(e->d_name + n - 5, ".sock") == 0)
                        (void)unlinkat(dirfd(dir), e->d_name, 0);
        }
        if (dir)
                closedir(dir);
}
