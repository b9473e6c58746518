// Files that are out of their logs already and go for good a while later. One timer, for the earliest of
// them; none when there is nothing. What a stop leaves behind, the next load removes. Shard state.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/ports.h"

namespace gregor::storage {

class Trash {
public:
    Trash(io::Clock& clock, io::Executor& executor, io::Disk& disk)
        : clock_(clock), executor_(executor), disk_(disk) {}
    ~Trash() { stop(); }
    Trash(const Trash&) = delete;
    Trash& operator=(const Trash&) = delete;

    void add(std::vector<std::string> paths, Duration delay);
    void stop();  // nothing is removed any more
    std::size_t size() const { return due_.size(); }

private:
    void schedule();
    void empty();

    io::Clock& clock_;
    io::Executor& executor_;
    io::Disk& disk_;
    std::multimap<Instant, std::string> due_;
    io::TimerId timer_;
    Instant timer_at_ = Instant::never();
};

}  // namespace gregor::storage
