// Splits the bytes from the host into lines. A line that is longer than the buffer is dropped whole.
#ifndef DMM_INBOX_H
#define DMM_INBOX_H

#include "json.h"

struct inbox {
    char text[LINE_MAX_BYTES];
    size_t length;
    bool overlong; // the present line did not fit; wait for its end
};

// Takes bytes, and calls on_line for each whole line (without its line feed).
void inbox_feed(struct inbox *box, const char *bytes, size_t count, void (*on_line)(const char *line, size_t length, void *context),
                void *context);

// Drops an unfinished line of a writer that has left.
void inbox_clear(struct inbox *box);

#endif
