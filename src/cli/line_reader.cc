#include "cli/line_reader.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gregor::cli {
namespace {

constexpr std::size_t k_read_bytes = std::size_t{256} << 10U;

}  // namespace

std::optional<std::string_view> LineReader::take_line() {
    const auto end = buffer_.find('\n', std::max(taken_, searched_));
    if (end == std::string::npos) {
        searched_ = buffer_.size();
        if (!at_end_ || taken_ == buffer_.size()) return std::nullopt;
    }
    auto line = std::string_view(buffer_).substr(taken_, end == std::string::npos ? end : end - taken_);
    taken_ = end == std::string::npos ? buffer_.size() : end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++line_number_;
    return line;
}

Result<LineReader::State> LineReader::next(std::string_view& line, Duration patience) {
    if (const auto found = take_line()) {
        line = *found;
        return State::line;
    }
    if (at_end_) return State::end;
    if (buffer_.size() - taken_ > k_line_bytes_max)
        return fail(
            ErrorCode::record_list_too_large,
            fmt::format("line {} is longer than {} bytes: is it text?", line_number_ + 1, k_line_bytes_max));
    pollfd poll{.fd = descriptor_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(patience.to_millis()));
    if (ready <= 0) return State::nothing_yet;  // a signal is for the event loop
    buffer_.erase(0, taken_);
    searched_ -= std::min(searched_, taken_);
    taken_ = 0;
    const auto before = buffer_.size();
    buffer_.resize(before + k_read_bytes);
    const auto size = ::read(descriptor_, buffer_.data() + before, k_read_bytes);
    buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (size < 0 && errno != EINTR && errno != EAGAIN)
        return fail(ErrorCode::invalid_request,
                    fmt::format("cannot read the input: {}", std::strerror(errno)));
    if (size == 0) at_end_ = true;
    const auto found = take_line();
    line = found.value_or(std::string_view{});
    if (found) return State::line;
    return at_end_ ? State::end : State::nothing_yet;
}

}  // namespace gregor::cli
