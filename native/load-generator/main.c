// dmm-load: uses memory on command in a guest under test and reports how fast its work goes, so that the effect of a resize is visible
// in the guest itself. The parent reports; it is never swapped out or killed. Its child holds the memory, and may be swapped out or
// killed.
#include "port.h"
#include "reporter.h"
#include "say.h"
#include "survival.h"

#define PORT_NAME "org.dmm.load.0"

int main(int argc, char **argv) {
    static struct reporter reporter;
    static char found[128];
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        say("usage: dmm-load [DEVICE]   (default: the virtio-serial port " PORT_NAME ")");
        return 2;
    }
    const char *path = argc == 2 ? argv[1] : found;
    if (argc == 1 && !port_find(PORT_NAME, found, sizeof found)) {
        say("no virtio-serial port " PORT_NAME " in this guest");
        return 1;
    }
    if (!reporter_begin(&reporter, path))
        return 1;
    if (!survival_lock_memory())
        say_errno("its memory can't be locked; it goes on without");
    survival_avoid_oom_killer();
    survival_raise_priority();
    reporter_run(&reporter);
    return 1;
}
