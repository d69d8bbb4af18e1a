#include "directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// The layout that getdents64(2) fills in.
struct entry {
    unsigned long long inode;
    long long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static bool visit_entries(int folder, bool (*visit)(const char *, void *), void *context) {
    _Alignas(struct entry) char buffer[1024];
    long got;
    while ((got = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
            at += entry->length;
            if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0 && visit(entry->name, context))
                return true;
        }
    }
    return false;
}

bool directory_find(const char *path, bool (*visit)(const char *, void *), void *context) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    bool found = visit_entries(folder, visit, context);
    close(folder);
    return found;
}

bool directory_read_line(const char *path, char *text, size_t size) {
    text[0] = '\0';
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t got = read(file, text, size - 1);
    close(file);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text[0] != '\0';
}

bool directory_join(char *path, size_t size, const char *const parts[], size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t part = strlen(parts[i]);
        if (part >= size - length)
            return false;
        memcpy(path + length, parts[i], part);
        length += part;
    }
    path[length] = '\0';
    return true;
}
