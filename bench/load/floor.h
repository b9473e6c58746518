// The physical floor: what the same bytes cost a program that does nothing else with them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gregor::bench {

struct FloorLoad {
    std::string file = "floor.data";  // written, then read; left behind
    std::int64_t total_bytes = 512 << 20;
    std::vector<int> server_cpus;  // empty: wherever the system likes
    std::vector<int> client_cpus;
};

struct Floor {
    double append_cpu_s_per_gb = 0;  // receive, CRC-32C, append; no fsync
    double send_cpu_s_per_gb = 0;    // read, that is sendfile from the page cache
    double sync_p50_ms = 0;          // append 20 KiB and fdatasync, one after the other
    double sync_p99_ms = 0;
};

// CPU time is over loopback TCP, and that of the side that stands for the broker.
Floor measure_floor(const FloorLoad& load);

}  // namespace gregor::bench
