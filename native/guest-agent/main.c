// dmm-guest-agent: reports the memory need of this guest to the host, above all when the guest runs out of memory. Descriptors, buffers
// and pages are taken at the start and kept. Nothing is allocated afterwards, because an allocation could fail just when memory is
// short.
#include "agent.h"
#include "port.h"
#include "say.h"
#include "survival.h"

#include <string.h>
#include <time.h>

#define PORT_NAME "org.dmm.guest.0"

// The port may appear after the start of this process: its driver is a module in most guests.
static void wait_for_port(char *path, size_t size) {
    const struct timespec second = {.tv_sec = 1};
    if (port_find(PORT_NAME, path, size))
        return;
    say("waiting for the virtio-serial port " PORT_NAME);
    do
        nanosleep(&second, NULL);
    while (!port_find(PORT_NAME, path, size));
}

int main(int argc, char **argv) {
    static struct agent agent;
    static char found[128];
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        say("usage: dmm-guest-agent [DEVICE]   (default: the virtio-serial port " PORT_NAME "; version " AGENT_VERSION ")");
        return 2;
    }
    if (!survival_lock_memory())
        say_errno("its memory can't be locked (needs CAP_IPC_LOCK); it goes on without");
    if (survival_avoid_oom_killer() != -1000)
        say("it can't be fully protected from the OOM killer (needs CAP_SYS_RESOURCE); it goes on");
    survival_raise_priority();

    const char *path = argc == 2 ? argv[1] : found;
    if (argc == 1)
        wait_for_port(found, sizeof found);
    if (!agent_begin(&agent, path))
        return 1;
    agent_run(&agent);
    return 1;
}
