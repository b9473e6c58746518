// How much memory there is for this process.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "io/asio/runtime.h"

namespace gregor::io {
namespace {

constexpr std::uint64_t k_unlimited = std::numeric_limits<std::uint64_t>::max();

std::uint64_t machine_memory() {
    const auto pages = ::sysconf(_SC_PHYS_PAGES);
    const auto size = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || size <= 0) return k_unlimited;
    return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
}

// A file that holds a number, or "max".
std::uint64_t read_limit(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t limit = 0;
    return file >> limit ? limit : k_unlimited;
}

// A group is bound by the limits of all above it.
std::uint64_t lowest_limit(const std::string& mount, std::string group, const std::string& name) {
    auto lowest = read_limit(mount + "/" + name);
    while (group.size() > 1) {
        lowest = std::min(lowest, read_limit(mount + group + "/" + name));
        group.resize(group.rfind('/'));
    }
    return lowest;
}

// /proc/self/cgroup: "0::/group" of version 2, "7:memory:/group" of version 1.
std::uint64_t control_group_memory() {
    auto lowest = k_unlimited;
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const auto group = line.substr(std::min(line.size(), line.find('/')));
        if (line.starts_with("0::")) {
            lowest = std::min(lowest, lowest_limit("/sys/fs/cgroup", group, "memory.max"));
        } else if (line.find(":memory:") != std::string::npos) {
            lowest = std::min(lowest, lowest_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
        }
    }
    return lowest;
}

}  // namespace

std::uint64_t usable_memory() {
    const auto usable = std::min(machine_memory(), control_group_memory());
    return usable == k_unlimited ? 0 : usable;
}

}  // namespace gregor::io
