// Lines that wait for a reader, which may be slow or gone. Nothing here blocks, and no line is cut: the rest of a line that was started
// is kept and sent first. At most one whole line waits behind it, the newest, because an old sample is worthless.
#ifndef DMM_OUTBOX_H
#define DMM_OUTBOX_H

#include "json.h"

struct outbox {
    char begun[LINE_MAX_BYTES], waiting[LINE_MAX_BYTES];
    size_t begun_length, begun_sent, waiting_length;
};

enum outbox_result {
    OUTBOX_SENT,
    OUTBOX_KEPT, // it waits, unless a newer line replaces it
    OUTBOX_GONE, // the device is gone; errno gives the error
};

enum outbox_result outbox_send(struct outbox *box, int fd, const struct json_line *line);

// Sends the kept lines, as far as the channel accepts them.
enum outbox_result outbox_flush(struct outbox *box, int fd);

// Drops the kept lines: a new reader must not see the end of a line that another reader got the start of.
void outbox_clear(struct outbox *box);

#endif
