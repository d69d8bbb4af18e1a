// /proc/pressure/memory: how long tasks stalled for want of memory, and the kernel's own alarm on it.
// Source: Linux, Documentation/accounting/psi.rst.
#ifndef DMM_PSI_H
#define DMM_PSI_H

#include <stddef.h>
#include <stdint.h>

struct psi {
    int64_t some_us, full_us; // since boot
};

// What the text does not show is UNKNOWN.
void psi_parse(const char *text, size_t length, struct psi *into);

enum { PSI_TRIGGERS = 2 };

// Opens the triggers that this kernel grants: their descriptors raise EPOLLPRI. Returns how many there are, 0 where PSI is off.
int psi_open_triggers(int triggers[PSI_TRIGGERS]);

#endif
