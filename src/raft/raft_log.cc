#include "raft/raft_log.h"

#include <fmt/format.h>

#include <charconv>

namespace gregor::raft {
namespace {

constexpr std::size_t k_offset_digits = 20;
constexpr std::size_t k_epoch_digits = 10;
constexpr std::string_view k_suffix = ".checkpoint";
constexpr std::size_t k_name_chars = k_offset_digits + 1 + k_epoch_digits + k_suffix.size();

template <class Number>
std::optional<Number> digits(std::string_view text) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

}  // namespace

std::string snapshot_file_name(SnapshotId id) {
    return fmt::format("{:020}-{:010}{}", id.end_offset.value(), id.epoch.value(), k_suffix);
}

std::optional<SnapshotId> parse_snapshot_file_name(std::string_view name) {
    if (name.size() != k_name_chars || !name.ends_with(k_suffix) || name[k_offset_digits] != '-')
        return std::nullopt;
    const auto offset = digits<std::int64_t>(name.substr(0, k_offset_digits));
    const auto epoch = digits<std::int32_t>(name.substr(k_offset_digits + 1, k_epoch_digits));
    if (!offset || !epoch) return std::nullopt;
    return SnapshotId{Offset{*offset}, LeaderEpoch{*epoch}};
}

}  // namespace gregor::raft
