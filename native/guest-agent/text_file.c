#include "text_file.h"

#include <unistd.h>

struct text text_file_read(int file) {
    static char buffer[8192];
    size_t length = 0;
    while (file >= 0 && length < sizeof buffer) {
        ssize_t got = pread(file, buffer + length, sizeof buffer - length, (off_t)length);
        if (got <= 0)
            break;
        length += (size_t)got;
    }
    return (struct text){buffer, length};
}
