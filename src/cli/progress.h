// How far long work has come: a line on the standard error that renews itself, for people at a terminal only.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace gregor::cli {

class Progress {
public:
    explicit Progress(bool is_wanted);
    // Shows the counts at most twice a second.
    void update(Instant now, std::uint64_t records, std::uint64_t bytes);
    void clear();  // before other output to the terminal

private:
    const bool is_shown_;
    Instant next_;
    bool is_drawn_ = false;
};

std::string size_text(std::uint64_t bytes);  // "1.5 MiB"

}  // namespace gregor::cli
