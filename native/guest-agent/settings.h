// The one line that the host may say to the agent.
#ifndef DMM_SETTINGS_H
#define DMM_SETTINGS_H

#include "pace.h"

#include <stddef.h>

// {"t":"settings","lowKib":N} changes the pace; anything else is dropped.
void settings_apply(const char *line, size_t length, struct pace *pace);

#endif
