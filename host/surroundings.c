/* See surroundings.h. */
#include "host/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int surroundings_prepare(void) {
        int fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd < STDERR_FILENO)
                fd = dup(fd);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || chdir("/") < 0)
                return -errno;
        if (fd > STDERR_FILENO)
                close(fd);
        umask(077);
        return 0;
}
