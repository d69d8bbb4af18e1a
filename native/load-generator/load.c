#include "load.h"

int64_t load_operations(const struct load *load) {
    int64_t sum = 0;
    for (int i = 0; i < WORK_THREADS_MAX; i++)
        sum += load->operations[i];
    return sum;
}
