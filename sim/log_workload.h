// One log on one disk, without a broker around it: producers append, in transactions and without, the machine
// dies in every way or ends in order, and what was durable must be there, the same, in order, once; who reads
// what is committed sees all of that and nothing else.
#pragma once

#include "sim/run_report.h"
#include "sim/world.h"

namespace gregor::sim {

RunReport run_log_workload(const WorldOptions& options, const RunGoals& goals);

}  // namespace gregor::sim
