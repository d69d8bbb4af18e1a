#include "say.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef PROGRAM
#error "PROGRAM comes from the Makefile"
#endif

static struct iovec part(const char *text) {
    return (struct iovec){.iov_base = (void *)(size_t)text, .iov_len = strlen(text)};
}

void say(const char *what) {
    struct iovec parts[] = {part(PROGRAM ": "), part(what), part("\n")};
    // A failed write to standard error can't be reported anywhere.
    (void)!writev(STDERR_FILENO, parts, 3);
}

void say_errno(const char *what) {
    struct iovec parts[] = {part(PROGRAM ": "), part(what), part(": "), part(strerror(errno)), part("\n")};
    (void)!writev(STDERR_FILENO, parts, 5);
}
