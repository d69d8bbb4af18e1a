// The settings line, with which the host changes the agent's settings.
#ifndef DMM_SETTINGS_H
#define DMM_SETTINGS_H

#include "pace.h"

#include <stddef.h>

// {"t":"settings","lowKib":N} changes the pace; anything else is ignored.
void settings_apply(const char *line, size_t length, struct pace *pace);

#endif
