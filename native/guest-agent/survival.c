#include "survival.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

extern char __executable_start, _end; // from the linker

enum { STACK_BYTES = 32 * 1024 };

// Grows the stack once, so that no later call has to.
static bool lock_stack(void) {
    volatile char stack[STACK_BYTES];
    for (size_t i = 0; i < sizeof stack; i += 1024)
        stack[i] = 0;
    return mlock((const void *)stack, sizeof stack) == 0;
}

bool survival_lock_memory(void) {
    // ONFAULT: plain mlockall() would fill the whole 132 KiB stack area that the kernel sets up, more than everything else.
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        return false;
    return mlock(&__executable_start, (size_t)(&_end - &__executable_start)) == 0 && lock_stack();
}

static bool set_oom_score(const char *score) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t length = strlen(score);
    bool done = write(file, score, length) == (ssize_t)length;
    close(file);
    return done;
}

void survival_invite_oom_killer(void) {
    // A process may always raise its own score.
    (void)set_oom_score("1000");
}

int survival_avoid_oom_killer(void) {
    static const struct {
        const char *text;
        int value;
    } choices[] = {{"-1000", -1000}, {"-900", -900}, {"-500", -500}, {"-250", -250}};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (set_oom_score(choices[i].text))
            return choices[i].value;
    }
    return 0;
}

void survival_raise_priority(void) {
    // Without the right to do this, the agent runs at normal priority; that is no reason to stop.
    (void)setpriority(PRIO_PROCESS, 0, -20);
}

void survival_drop_priority(void) {
    (void)setpriority(PRIO_PROCESS, 0, 0);
}
