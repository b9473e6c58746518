#include "load/process_cpu.h"

#include <unistd.h>

#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

namespace gregor::bench {
namespace {

struct Process {
    pid_t parent = 0;
    std::int64_t reaped_ticks = 0;  // of children that have ended
};

// /proc/PID/stat: pid (name) state ppid ... utime(14) stime(15) cutime(16) cstime(17); a name may hold
// spaces.
std::optional<Process> read_stat(const std::filesystem::path& folder) {
    std::ifstream file(folder / "stat");
    std::string text;
    if (!std::getline(file, text)) return std::nullopt;  // it has just gone
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    std::string skipped;
    Process process;
    fields >> skipped >> process.parent;
    for (int field = 5; field < 16; ++field) fields >> skipped;
    for (int field = 16; field <= 17; ++field) {
        std::int64_t ticks = 0;
        fields >> ticks;
        process.reaped_ticks += ticks;
    }
    return process;
}

std::map<pid_t, Process> all_processes() {
    std::map<pid_t, Process> processes;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto name = entry.path().filename().string();
        pid_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
        if (const auto process = read_stat(entry.path())) processes.emplace(pid, *process);
    }
    return processes;
}

bool descends(const std::map<pid_t, Process>& processes, pid_t pid, pid_t root) {
    while (pid != root) {
        const auto found = processes.find(pid);
        if (found == processes.end()) return false;
        pid = found->second.parent;
    }
    return true;
}

// Its CPU clock counts nanoseconds, where /proc counts hundredths of a second.
double own_cpu_s(pid_t pid) {
    clockid_t clock{};
    timespec spent{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        return 0;  // it has just gone
    return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

}  // namespace

double tree_cpu_s(pid_t root) {
    if (root == 0) return 0;
    const auto processes = all_processes();
    const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
    double seconds = 0;
    for (const auto& [pid, process] : processes) {
        if (descends(processes, pid, root))
            seconds += own_cpu_s(pid) + static_cast<double>(process.reaped_ticks) / ticks_per_s;
    }
    return seconds;
}

}  // namespace gregor::bench
