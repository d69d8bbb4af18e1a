#include "worker_process.h"

#include "say.h"
#include "survival.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void be_worker(struct load *load, int wake) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    survival_invite_oom_killer();
    survival_drop_priority();
    worker_run(load, wake);
}

pid_t worker_process_start(struct load *load, int *wake) {
    int ends[2];
    *wake = -1;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return 0;
    pid_t worker = fork();
    if (worker == 0) {
        close(ends[1]);
        be_worker(load, ends[0]);
    }
    close(ends[0]);
    if (worker < 0) {
        say_errno("no worker process could be started; it tries again");
        close(ends[1]);
        return 0;
    }
    *wake = ends[1];
    return worker;
}

void worker_process_wake(int wake) {
    // A full pipe has enough wake-ups already.
    if (wake >= 0)
        (void)!write(wake, "", 1);
}

bool worker_process_died(pid_t worker, struct worker_death *death) {
    int status;
    if (waitpid(worker, &status, WNOHANG) != worker)
        return false;
    death->signal = WIFSIGNALED(status) ? WTERMSIG(status) : -1;
    death->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return true;
}
