// Keeps a process running in a guest that runs out of memory.
#ifndef DMM_SURVIVAL_H
#define DMM_SURVIVAL_H

#include <stdbool.h>

// Locks text, data and 32 KiB of stack into memory, and each page that is touched later. Returns false and errno where that is not
// allowed. The process can go on then, but its own pages may be missing at the moment when the agent is needed.
bool survival_lock_memory(void);

// Makes this process the OOM killer's first choice.
void survival_invite_oom_killer(void);

// Makes this process the OOM killer's last choice, as far as allowed. Returns the oom_score_adj that was reached: −1000 is best.
int survival_avoid_oom_killer(void);

// Schedules this process before the load that it watches; the other function undoes that.
void survival_raise_priority(void);
void survival_drop_priority(void);

#endif
