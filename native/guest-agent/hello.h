// What decides how this guest can grow, told once to each new reader (docs/develop/guest-protocol.md).
#ifndef DMM_HELLO_H
#define DMM_HELLO_H

#include "json.h"
#include "meminfo.h"

enum { PROTOCOL_VERSION = 2 };

// Reads the facts anew: modules are loaded and parameters are set while the agent runs.
// low_kib: the base of the low threshold, as it stands.
bool hello_encode(struct json_line *line, const struct meminfo *levels, bool psi, int64_t low_kib);

// Bytes in hexadecimal, as block_size_bytes shows them, in KiB; UNKNOWN where that is no such number.
int64_t hello_block_kib(const char *hexadecimal);

#endif
