// A child process that runs seeds, so that an assertion in the node costs one seed and not the whole run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/run_report.h"

namespace gregor::cli {

using sim::RunReport;

class Worker {
public:
    using Run = std::function<RunReport(std::uint64_t seed)>;
    struct Done {
        std::uint64_t seed = 0;
        RunReport report;  // with a failure when the process died of the seed
    };

    // Starts a process that runs these seeds in order.
    Worker(std::vector<std::uint64_t> seeds, const Run& run);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    int descriptor() const { return pipe_; }
    // Reads what is there. Seeds that are done; nullopt when the process is gone, its last seed among them or
    // not.
    std::vector<Done> read();
    bool is_gone() const { return gone_; }
    // What it did not come to.
    const std::vector<std::uint64_t>& left() const { return left_; }

private:
    [[noreturn]] static void work(int pipe, const std::vector<std::uint64_t>& seeds, const Run& run);
    void take_line(const std::string& line, std::vector<Done>& done);
    void bury(std::vector<Done>& done);

    std::vector<std::uint64_t> left_;
    pid_t process_ = -1;
    int pipe_ = -1;
    bool gone_ = false;
    std::string received_;
    std::optional<std::uint64_t> running_;
    RunReport report_;
};

}  // namespace gregor::cli
