#include "psi.h"

#include "fields.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int64_t total_of(const char *text, const char *end, const char *kind) {
    size_t kind_length = strlen(kind);
    for (const char *line = text; line < end;) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            return UNKNOWN;
        static const char key[] = " total=";
        const size_t key_length = sizeof key - 1;
        if ((size_t)(line_end - line) > kind_length && memcmp(line, kind, kind_length) == 0 && line[kind_length] == ' ') {
            for (const char *at = line + kind_length; at + key_length <= line_end; at++) {
                if (memcmp(at, key, key_length) != 0)
                    continue;
                at += key_length;
                return fields_number(&at, line_end);
            }
            return UNKNOWN;
        }
        line = line_end + 1;
    }
    return UNKNOWN;
}

void psi_parse(const char *text, size_t length, struct psi *into) {
    into->some_us = total_of(text, text + length, "some");
    into->full_us = total_of(text, text + length, "full");
}

static int open_trigger(const char *threshold) {
    int trigger = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (trigger < 0)
        return -1;
    // The kernel requires the closing NUL as part of the text.
    if (write(trigger, threshold, strlen(threshold) + 1) < 0) {
        close(trigger);
        return -1;
    }
    return trigger;
}

int psi_open_triggers(int triggers[PSI_TRIGGERS]) {
    // Some tasks stalled for 10 ms within 1 s: the first sign. All tasks stalled for 50 ms within 1 s: the guest is close to a
    // standstill.
    static const char *const fine[PSI_TRIGGERS] = {"some 10000 1000000", "full 50000 1000000"};
    int count = 0;
    for (int i = 0; i < PSI_TRIGGERS; i++) {
        int trigger = open_trigger(fine[i]);
        if (trigger >= 0)
            triggers[count++] = trigger;
    }
    // Without CAP_SYS_RESOURCE, newer kernels still allow windows that are a multiple of 2 s.
    if (count == 0) {
        int trigger = open_trigger("some 20000 2000000");
        if (trigger >= 0)
            triggers[count++] = trigger;
    }
    return count;
}
