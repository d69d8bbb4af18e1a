#include "port.h"

#include "directory.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char ports[] = "/sys/class/virtio-ports";

struct search {
    const char *name;
    char *path;
    size_t size;
};

static bool is_wanted(const char *entry, void *context) {
    struct search *search = context;
    char path[128], name[128];
    if (!directory_join(path, sizeof path, (const char *[]){ports, "/", entry, "/name"}, 4) ||
        !directory_read_line(path, name, sizeof name))
        return false;
    return strcmp(name, search->name) == 0 && directory_join(search->path, search->size, (const char *[]){"/dev/", entry}, 2);
}

bool port_find(const char *name, char *path, size_t size) {
    struct search search = {name, path, size};
    return directory_find(ports, is_wanted, &search);
}

int port_open(const char *path) {
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

int port_watch_changes(int fd) {
    sigset_t change;
    sigemptyset(&change);
    sigaddset(&change, SIGIO);
    if (sigprocmask(SIG_BLOCK, &change, NULL) != 0 || fcntl(fd, F_SETOWN, getpid()) != 0 ||
        fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) != 0)
        return -1;
    return signalfd(-1, &change, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool port_connected(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) >= 0 && !(look.revents & (POLLHUP | POLLERR | POLLNVAL));
}
