// A broker with everything around it: producers, consumers, a group whose members come, go and die, and
// faults.
#pragma once

#include "sim/run_report.h"
#include "sim/world.h"

namespace gregor::sim {

RunReport run_cluster_workload(const WorldOptions& options, const RunGoals& goals);

}  // namespace gregor::sim
