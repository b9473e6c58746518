// Lines of the standard input, without ever waiting longer than asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace gregor::cli {

inline constexpr std::size_t k_line_bytes_max = std::size_t{64} << 20U;

class LineReader {
public:
    explicit LineReader(int descriptor) : descriptor_(descriptor) {}

    enum class State : std::uint8_t { line, nothing_yet, end };
    // The next line, without its end, in `line`; valid until the next call. Waits at most `patience` for more
    // bytes. The last line needs no end. Fails on a read error and on a line over k_line_bytes_max.
    Result<State> next(std::string_view& line, Duration patience);
    std::uint64_t line_number() const { return line_number_; }

private:
    std::optional<std::string_view> take_line();

    const int descriptor_;
    std::string buffer_;
    std::size_t taken_ = 0;     // of the buffer, by lines handed out
    std::size_t searched_ = 0;  // how far no line end was found
    bool at_end_ = false;
    std::uint64_t line_number_ = 0;
};

}  // namespace gregor::cli
