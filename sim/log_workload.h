// One log on one disk, without a broker around it: idempotent producers append, the machine dies in every
// way, and what was durable must be there, the same, in order, once.
#pragma once

#include "sim/run_report.h"
#include "sim/world.h"

namespace gregor::sim {

RunReport run_log_workload(const WorldOptions& options, const RunGoals& goals);

}  // namespace gregor::sim
