// A controller alone and random administration under crashes and power cuts, with snapshots and segments so
// small that they come and go all the time: whatever a start makes of snapshot and log is what was decided,
// and holds everything that was told (sim/metadata_history.h).
#pragma once

#include "sim/run_report.h"
#include "sim/world.h"

namespace gregor::sim {

RunReport run_admin_workload(const WorldOptions& options, const RunGoals& goals);

}  // namespace gregor::sim
