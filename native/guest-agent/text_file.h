// Reads the small text files of /proc again and again through one open descriptor, into one buffer for all.
#ifndef DMM_TEXT_FILE_H
#define DMM_TEXT_FILE_H

#include <stddef.h>

// Good until the next read.
struct text {
    const char *start;
    size_t length;
};

// From its beginning to its end, or as far as the buffer goes (8 KiB; /proc/vmstat, the longest, has 3 to 6). Empty where it can't be
// read.
struct text text_file_read(int file);

#endif
