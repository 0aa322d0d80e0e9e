/* libFuzzer's way into the configuration: any bytes as a file. What is accepted must be the same
 * after it was sealed, with where each value was given; what is refused must say why. Built with
 * clang only. Run: fuzz-config CORPUS tests/fuzz/config-corpus -max_total_time=30 */
#include "config/settings.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_place(ConfigPlace a, ConfigPlace b) {
        return a.line == b.line && !a.file == !b.file && (!a.file || strcmp(a.file, b.file) == 0);
}

static void expect_same(const Config *a, const Config *b) {
        ConfigSettings s = {0}, t = {0};
        ConfigFindings changes = {0};

        ASSERT(config_settings(a, &s) == 0 && config_settings(b, &t) == 0);
        ASSERT(s.count == t.count);
        for (size_t i = 0; i < s.count; i++)
                ASSERT(same_place(s.items[i].place, t.items[i].place));
        ASSERT(config_changes(a, b, &changes) == 0 && changes.count == 0);
        config_settings_done(&s);
        config_settings_done(&t);
}

static void expect_same_when_sealed(const Config *c) {
        ConfigFindings findings = {0};
        Config *again = NULL;
        int fd;

        ASSERT(config_seal(c, &fd) == 0);
        ASSERT(config_load_fd(fd, &findings, &again) == 0);
        expect_same(c, again);
        config_free(again);
        close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static InstancePaths paths = {
                .control = "/c.sock", .events = "/e.sock", .state = "/s"};
        static int fd = -1;
        ConfigFindings findings = {0};
        Config *c = NULL;

        if (fd < 0) {
                fd = memfd_create("fuzz", MFD_CLOEXEC);
                snprintf(paths.config, sizeof paths.config, "/proc/self/fd/%d", fd);
        }
        ASSERT(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
        if (config_load(&paths, CONFIG_REQUIRED, &findings, &c) == 0)
                expect_same_when_sealed(c);
        else
                ASSERT(findings.count > 0 && !c);
        config_findings_done(&findings);
        config_free(c);
        return 0;
}
