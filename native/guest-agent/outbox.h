// What is on its way to a reader that may be slow or gone. Nothing here ever blocks, and no line is ever torn: the rest of a line that
// has begun is kept and goes out first; behind it waits at most one whole line, the newest, because an old sample is worth nothing.
#ifndef DMM_OUTBOX_H
#define DMM_OUTBOX_H

#include "json.h"

struct outbox {
    char begun[LINE_MAX_BYTES], waiting[LINE_MAX_BYTES];
    size_t begun_length, begun_sent, waiting_length;
};

enum outbox_result {
    OUTBOX_SENT,
    OUTBOX_KEPT, // waits, unless a newer line takes its place
    OUTBOX_GONE, // the device is gone; errno says how
};

enum outbox_result outbox_send(struct outbox *box, int fd, const struct json_line *line);

// Sends what is kept, as far as the channel takes it.
enum outbox_result outbox_flush(struct outbox *box, int fd);

// Forgets what is kept: a new reader must not see the tail of a line that went to another.
void outbox_clear(struct outbox *box);

#endif
