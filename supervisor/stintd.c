/* stintd: the options of the supervisor, and what surrounds its run: log, directories, descriptors
 * 0 to 2. */
#include "common/log.h"
#include "common/text.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
        "Usage: stintd [OPTION]...\n"
        "Runs an instance of stint: the queue's dispatcher and its workers.\n\n"
        "      --config FILE   read FILE alone instead of stintd.conf and conf.d\n"
        "      --user          an instance of your own instead of the system's\n"
        "      --check-config  show every finding in the configuration and exit (0 or 78)\n"
        "      --foreground    log to standard error\n"
        "      --help          this text\n"
        "      --version       the version\n\n"
        "SIGHUP reloads the configuration, SIGUSR2 starts newly installed binaries, SIGTERM "
        "stops.\n"
        "Example: stintd --user --foreground\n";

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"user", no_argument, NULL, 'u'},
                                        {"check-config", no_argument, NULL, 'k'},
                                        {"foreground", no_argument, NULL, 'f'},
                                        {"help", no_argument, NULL, 'h'},
                                        {"version", no_argument, NULL, 'v'},
                                        {NULL, 0, NULL, 0}};

typedef struct Arguments {
        const char *config;
        InstanceKind kind;
        LogTarget target;
        bool check;
} Arguments;

static int fail(const Error *e) {
        error_print("stintd", e);
        return e->code;
}

static int usage_error(const char *word) {
        const char *names[ARRAY_SIZE(options)];
        Error e;
        size_t n = 0;
        for (; options[n].name; n++)
                names[n] = options[n].name;
        const char *near = strncmp(word, "--", 2) == 0 ? text_nearest(word + 2, names, n) : NULL;
        if (near && strcmp(near, word + 2) == 0)
                error_set(&e, EXIT_USAGE, "%s lacks its value: see stintd --help", word);
        else if (near)
                error_set(&e, EXIT_USAGE, "unknown option %s: did you mean --%s?", word, near);
        else
                error_set(&e, EXIT_USAGE, "unknown argument '%s': see stintd --help", word);
        return fail(&e);
}

/* -1: go on; else the exit code. */
static int arguments_parse(int argc, char **argv, Arguments *ret) {
        opterr = 0;
        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                switch (c) {
                case 'c':
                        ret->config = optarg;
                        break;
                case 'u':
                        ret->kind = INSTANCE_USER;
                        break;
                case 'k':
                        ret->check = true;
                        break;
                case 'f':
                        ret->target = LOG_TARGET_STDERR;
                        break;
                case 'h':
                        return fputs(usage, stdout) < 0;
                case 'v':
                        return puts("stintd " STINT_VERSION) < 0;
                default:
                        return usage_error(argv[optind - 1]);
                }
        }
        return optind < argc ? usage_error(argv[optind]) : -1;
}

static int check_config(const InstancePaths *paths, ConfigPresence presence) {
        ConfigFindings findings = {0};
        _cleanup_(config_freep) Config *config = NULL;
        int r = config_load(paths, presence, &findings, &config);
        for (size_t i = 0; i < findings.count; i++)
                fprintf(stderr, "%s\n", findings.lines[i]);
        config_findings_done(&findings);
        if (r < 0)
                return EXIT_CONFIG;
        printf("%s is fine: %zu queues, %zu pools, store %s\n", paths->config, config->queue_count,
               config->pool_count, config->store_url);
        return 0;
}

/* 0 to 2 are open from here on, and nothing reads from a terminal or keeps a directory busy. */
static int surroundings_prepare(void) {
        int fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd < 2)
                fd = dup(fd);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || chdir("/") < 0)
                return -errno;
        if (fd > 2)
                close(fd);
        umask(077);
        return 0;
}

int main(int argc, char **argv) {
        Arguments a = {.kind = INSTANCE_SYSTEM};
        static InstancePaths paths;
        Error error = {0};
        char log_directory[PATH_MAX + 4];
        int r = arguments_parse(argc, argv, &a);
        if (r >= 0)
                return r;
        ConfigPresence presence = a.config ? CONFIG_REQUIRED : CONFIG_OPTIONAL;
        if (paths_find(a.kind, &paths, &error) < 0)
                return fail(&error);
        if (a.config) {
                if (!realpath(a.config, paths.config))
                        snprintf(paths.config, sizeof paths.config, "%s", a.config);
                paths.config_d[0] = '\0';
        }
        if (a.check)
                return check_config(&paths, presence);
        snprintf(log_directory, sizeof log_directory, "%s/log", paths.state);
        if (paths_prepare(&paths, &error) < 0)
                return fail(&error);
        if (surroundings_prepare() < 0 || log_open("stintd", a.target, log_directory) < 0)
                error_set(&error, EXIT_IO, "cannot open the log in %s: %s", log_directory,
                          strerror(errno));
        r = error.code ? error.code : supervisor_run(&paths, presence, &error);
        if (error.code) {
                log_error("%s", error.text);
                if (a.target != LOG_TARGET_STDERR)
                        error_print("stintd", &error);
        }
        return r;
}
