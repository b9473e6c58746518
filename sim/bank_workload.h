// One broker and tellers who move money: an exactly-once pipeline under crashes, power cuts and lost
// connections. No money is made or lost, nothing is booked twice or by half (sim/bank.h).
#pragma once

#include "sim/run_report.h"
#include "sim/world.h"

namespace gregor::sim {

RunReport run_bank_workload(const WorldOptions& options, const RunGoals& goals);

}  // namespace gregor::sim
