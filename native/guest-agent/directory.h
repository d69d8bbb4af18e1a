// Walks a folder without allocating: opendir() would take memory, and the agent takes none after its start.
#ifndef DMM_DIRECTORY_H
#define DMM_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

// Calls visit with each entry's name (but . and ..) until it returns true. True if it did; false too where there is no such folder.
bool directory_find(const char *path, bool (*visit)(const char *name, void *context), void *context);

// The first line of a small file (sysfs), without its line feed. False if it can't be read or is empty; then the text is "".
bool directory_read_line(const char *path, char *text, size_t size);

// Puts the parts one behind the other. False if they don't fit.
bool directory_join(char *path, size_t size, const char *const parts[], size_t count);

#endif
