// /proc/pressure/memory: the time that tasks stalled for lack of memory, and the kernel's triggers on it. Source: Linux,
// Documentation/accounting/psi.rst.
#ifndef DMM_PSI_H
#define DMM_PSI_H

#include <stddef.h>
#include <stdint.h>

struct psi {
    int64_t some_us, full_us; // stall time since boot
};

// Values that the text does not show are UNKNOWN.
void psi_parse(const char *text, size_t length, struct psi *into);

enum { PSI_TRIGGERS = 2 };

// Opens the triggers that this kernel allows; their descriptors raise EPOLLPRI. Returns their number, 0 where PSI is off.
int psi_open_triggers(int triggers[PSI_TRIGGERS]);

#endif
