// A virtio-serial port: the channel between guest and host that needs no network.
#ifndef DMM_PORT_H
#define DMM_PORT_H

#include <stdbool.h>
#include <stddef.h>

// Finds the device file of the port with this name in /sys/class/virtio-ports. Returns false where the guest has no such port (yet).
bool port_find(const char *name, char *path, size_t size);

// Opens the port for non-blocking reads and writes. Returns −1 and errno on failure (EBUSY: another process has it open).
int port_open(const char *path);

// Returns a descriptor (signalfd) that becomes readable when the host's end is opened or closed, or when the host writes. The port
// can't tell these apart. But unlike with its poll state, no change is lost, however soon a new reader follows one that left. Returns
// −1 and errno on failure.
int port_watch_changes(int fd);

// Returns true while a reader has the host's end open.
bool port_connected(int fd);

#endif
