/* stintd: the options of the supervisor, and what comes before its run: directories, log. */
#include "common/log.h"
#include "host/options.h"
#include "host/surroundings.h"
#include "supervisor/supervisor.h"

#include <string.h>
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
        "Example: stintd --user --foreground";

/* What the flags without a value set. */
static int kind = INSTANCE_SYSTEM, target = LOG_TARGET_AUTO, action;

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"user", no_argument, &kind, INSTANCE_USER},
                                        {"check-config", no_argument, &action, 'k'},
                                        {"help", no_argument, &action, 'h'},
                                        {"foreground", no_argument, &target, LOG_TARGET_STDERR},
                                        {"version", no_argument, &action, 'v'},
                                        {NULL, 0, NULL, 0}};

static int fail(const Error *e) {
        error_print("stintd", e);
        return e->code;
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
        for (size_t i = 0; i < config->file_count; i++)
                printf("%s is fine\n", config->files[i]);
        if (config->file_count == 0)
                printf("%s gives no value: the defaults are fine\n", paths->config);
        printf("queues: %zu, pools: %zu, store: %s\n", config->queue_count, config->pool_count,
               config->store_url);
        return 0;
}

static int run(const InstancePaths *paths, ConfigPresence presence, Error *error) {
        char log_directory[PATH_MAX + 4];
        snprintf(log_directory, sizeof log_directory, "%s/log", paths->state);
        if (paths_prepare(paths, error) < 0)
                return error->code;
        int r = surroundings_prepare();
        if (target == LOG_TARGET_STDERR)
                setenv("STINT_LOG", "stderr", 1); /* the children's, too: see common/log.h */
        if (r >= 0)
                r = log_open("stintd", (LogTarget)target, log_directory);
        if (r < 0)
                return -error_set(error, EXIT_IO, "cannot open the log in %s: %s", log_directory,
                                  strerror(-r));
        r = supervisor_run(paths, presence, error);
        if (error->code && target != LOG_TARGET_STDERR && !isatty(STDERR_FILENO))
                log_error("%s", error->text); /* else error_print is the log */
        return r;
}

int main(int argc, char **argv) {
        static InstancePaths paths;
        const char *config = NULL;
        Error error = {0};
        for (int c; (c = options_next(argc, argv, options, "stintd", &error)) != OPTIONS_END;) {
                if (c < 0)
                        return fail(&error);
                if (c == 'c')
                        config = optarg;
        }
        if (action == 'h' || action == 'v')
                return puts(action == 'h' ? usage : "stintd " STINT_VERSION) < 0;
        if (paths_find((InstanceKind)kind, &paths, &error) < 0)
                return fail(&error);
        if (config) {
                if (!realpath(config, paths.config))
                        snprintf(paths.config, sizeof paths.config, "%s", config);
                paths.config_d[0] = '\0';
        }
        ConfigPresence presence = config ? CONFIG_REQUIRED : CONFIG_OPTIONAL;
        int r = action == 'k' ? check_config(&paths, presence) : run(&paths, presence, &error);
        return error.code ? fail(&error) : r;
}
