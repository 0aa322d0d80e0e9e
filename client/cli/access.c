/* See access.h. ACLs that grant more are not seen: a mode with one shows its mask as the group's
 * bits, and is answered with unknown where it would decide. */
#include "client/cli/access.h"

#include "common/macro.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define GROUPS_MAX 256

typedef struct Account {
        uid_t uid;
        gid_t groups[GROUPS_MAX];
        int group_count;
} Account;

static bool account_in(const Account *a, gid_t group) {
        for (int i = 0; i < a->group_count; i++)
                if (a->groups[i] == group)
                        return true;
        return false;
}

static AccessAnswer may_search(const Account *a, const char *path) {
        struct stat st;
        if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
                return ACCESS_UNKNOWN;
        mode_t bit = st.st_uid == a->uid ? S_IXUSR : account_in(a, st.st_gid) ? S_IXGRP : S_IXOTH;
        if (st.st_mode & bit)
                return ACCESS_GRANTED;
        return getxattr(path, "system.posix_acl_access", NULL, 0) > 0 ? ACCESS_UNKNOWN
                                                                      : ACCESS_DENIED;
}

AccessAnswer access_to_directory(uid_t account, const char *directory) {
        Account a = {.uid = account, .group_count = GROUPS_MAX};
        char path[PATH_MAX];
        const struct passwd *entry = getpwuid(account);
        if (!entry || getgrouplist(entry->pw_name, entry->pw_gid, a.groups, &a.group_count) < 0 ||
            strlen(directory) >= sizeof path || directory[0] != '/')
                return ACCESS_UNKNOWN;
        strcpy(path, directory);
        AccessAnswer answer = may_search(&a, "/");
        for (char *slash = path; slash && answer == ACCESS_GRANTED;) {
                slash = strchr(slash + 1, '/');
                if (slash)
                        *slash = '\0';
                answer = may_search(&a, path);
                if (slash)
                        *slash = '/';
        }
        return answer;
}
