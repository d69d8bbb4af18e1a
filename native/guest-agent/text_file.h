// Reads the small text files of /proc repeatedly, each through a descriptor that stays open, all into the same buffer.
#ifndef DMM_TEXT_FILE_H
#define DMM_TEXT_FILE_H

#include <stddef.h>

// Valid until the next read.
struct text {
    const char *start;
    size_t length;
};

// Reads the file from its beginning to its end, or until the buffer is full (8 KiB; /proc/vmstat, the longest, has 3 to 6). Empty where
// it can't be read.
struct text text_file_read(int file);

#endif
