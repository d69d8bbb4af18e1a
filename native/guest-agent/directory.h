// Walks a folder without allocating: opendir() would allocate, and the agent allocates nothing after its start.
#ifndef DMM_DIRECTORY_H
#define DMM_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

// Calls visit with each entry's name (except . and ..) until it returns true. Returns true if it did, false otherwise, also where the
// folder does not exist.
bool directory_find(const char *path, bool (*visit)(const char *name, void *context), void *context);

// Reads the first line of a small file (sysfs), without its line feed. Returns false if it can't be read or is empty; the text is ""
// then.
bool directory_read_line(const char *path, char *text, size_t size);

// Concatenates the parts. Returns false if they don't fit.
bool directory_join(char *path, size_t size, const char *const parts[], size_t count);

#endif
