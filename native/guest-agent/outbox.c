#include "outbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

// Returns the bytes written, 0 where the channel is full, −1 where it is gone.
static ssize_t try_write(int fd, const char *text, size_t length) {
    ssize_t written;
    do
        written = write(fd, text, length);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EAGAIN)
        return 0;
    return written;
}

void outbox_clear(struct outbox *box) {
    box->begun_length = box->begun_sent = box->waiting_length = 0;
}

enum outbox_result outbox_flush(struct outbox *box, int fd) {
    for (;;) {
        while (box->begun_sent < box->begun_length) {
            ssize_t written = try_write(fd, box->begun + box->begun_sent, box->begun_length - box->begun_sent);
            if (written < 0)
                return OUTBOX_GONE;
            if (written == 0)
                return OUTBOX_KEPT;
            box->begun_sent += (size_t)written;
        }
        box->begun_length = box->begun_sent = 0;
        if (box->waiting_length == 0)
            return OUTBOX_SENT;
        ssize_t written = try_write(fd, box->waiting, box->waiting_length);
        if (written < 0)
            return OUTBOX_GONE;
        if (written == 0)
            return OUTBOX_KEPT;
        memcpy(box->begun, box->waiting, box->waiting_length);
        box->begun_length = box->waiting_length;
        box->begun_sent = (size_t)written;
        box->waiting_length = 0;
    }
}

enum outbox_result outbox_send(struct outbox *box, int fd, const struct json_line *line) {
    memcpy(box->waiting, line->text, line->length);
    box->waiting_length = line->length;
    return outbox_flush(box, fd);
}
