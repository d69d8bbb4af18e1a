// A virtio-serial port: the one channel between guest and host that needs no network.
#ifndef DMM_PORT_H
#define DMM_PORT_H

#include <stdbool.h>
#include <stddef.h>

// The device file of the port that bears this name, from /sys/class/virtio-ports. False where the guest has no such port (yet).
bool port_find(const char *name, char *path, size_t size);

// Opens for reading and writing without ever blocking. −1 and errno on failure (EBUSY: someone else has it open).
int port_open(const char *path);

// A descriptor (signalfd) that becomes readable when the host's end is opened or closed, or when the host writes: the port can't tell these
// apart, but unlike its poll state no change gets lost, however soon another reader takes the place of one that left. −1 and errno on
// failure.
int port_watch_changes(int fd);

// Whether a reader sits at the host's end now.
bool port_connected(int fd);

#endif
