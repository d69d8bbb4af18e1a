#include "inbox.h"

#include <string.h>

void inbox_clear(struct inbox *box) {
    box->length = 0;
    box->overlong = false;
}

void inbox_feed(struct inbox *box, const char *bytes, size_t count, void (*on_line)(const char *, size_t, void *), void *context) {
    while (count > 0) {
        const char *feed = memchr(bytes, '\n', count);
        size_t part = feed ? (size_t)(feed - bytes) : count;
        if (part > sizeof box->text - box->length)
            box->overlong = true;
        if (!box->overlong) {
            memcpy(box->text + box->length, bytes, part);
            box->length += part;
        }
        if (!feed)
            return;
        if (!box->overlong)
            on_line(box->text, box->length, context);
        inbox_clear(box);
        bytes += part + 1;
        count -= part + 1;
    }
}
