// What a process and all its descendants have used of the CPUs, from /proc.
#pragma once

#include <sys/types.h>

namespace gregor::bench {

// User and system seconds of the living tree under `root` and of its reaped children; 0 for no process (root
// 0).
double tree_cpu_s(pid_t root);

}  // namespace gregor::bench
