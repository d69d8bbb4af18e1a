// The kinds of lines that the host may send (docs/develop/guest-protocol.md).
#ifndef DMM_HOST_LINE_H
#define DMM_HOST_LINE_H

#include <stddef.h>

enum host_line { HOST_LINE_OTHER, HOST_LINE_SETTINGS, HOST_LINE_ASK_SAMPLE, HOST_LINE_ASK_HELLO };

enum host_line host_line_kind(const char *line, size_t length);

#endif
