// How a process stays awake in a guest that runs out of memory.
#ifndef DMM_SURVIVAL_H
#define DMM_SURVIVAL_H

#include <stdbool.h>

// Locks text, data and 32 KiB of stack into memory, and whatever is touched later. False and errno where it may not; the process can
// go on, but then its own pages may be missing in the moment that it is for.
bool survival_lock_memory(void);

// For a process that is to be the OOM killer's first choice.
void survival_invite_oom_killer(void);

// Makes this process the OOM killer's last choice, as far as it may. Returns the oom_score_adj that was reached: −1000 is best.
int survival_avoid_oom_killer(void);

// Lets it be scheduled before the load that it watches.
void survival_raise_priority(void);
void survival_drop_priority(void);

#endif
