// The facts that decide how this guest can grow, sent to each new reader and repeated later (docs/develop/guest-protocol.md).
#ifndef DMM_HELLO_H
#define DMM_HELLO_H

#include "json.h"
#include "meminfo.h"

enum { PROTOCOL_VERSION = 2 };

// Reads the facts again each time, because modules are loaded and parameters are set while the agent runs. low_kib is the present base
// of the low threshold.
bool hello_encode(struct json_line *line, const struct meminfo *levels, bool psi, int64_t low_kib);

// Converts hexadecimal bytes, the form of block_size_bytes, to KiB. Returns UNKNOWN where the text is not such a number.
int64_t hello_block_kib(const char *hexadecimal);

#endif
