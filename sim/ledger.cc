#include "sim/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace gregor::sim {
namespace {

std::string print(TopicPartition at) { return fmt::format("t{}-{}", at.topic, at.partition); }
std::string print(RecordName name) { return fmt::format("record {}.{}", name.producer, name.number); }

char filling_of(RecordName name) { return static_cast<char>('a' + (name.producer * 7 + name.number) % 26); }

}  // namespace

std::string make_value(RecordName name, TopicPartition partition, std::size_t filling) {
    return fmt::format("{}.{}.{}.{}.", name.producer, name.number, partition.topic, partition.partition) +
           std::string(filling, filling_of(name));
}

std::optional<RecordName> parse_value(std::string_view value, TopicPartition partition) {
    std::array<std::uint32_t, 4> numbers{};
    for (auto& number : numbers) {
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc{} || end == value.data() + value.size() || *end != '.') return std::nullopt;
        value.remove_prefix(static_cast<std::size_t>(end - value.data()) + 1);
    }
    const RecordName name{numbers[0], numbers[1]};
    if (TopicPartition{numbers[2], static_cast<std::int32_t>(numbers[3])} != partition) return std::nullopt;
    if (value.find_first_not_of(filling_of(name)) != std::string_view::npos) return std::nullopt;
    return name;
}

void Ledger::acked(TopicPartition at, RecordName first, std::uint32_t count, Offset base) {
    for (std::uint32_t i = 0; i < count; ++i) {
        auto* known = place(at, base + i, {first.producer, first.number + i}, "acked");
        if (known == nullptr) return;
        if (!std::exchange(known->is_acked, true)) ++acked_records_;
    }
}

void Ledger::read(TopicPartition at, Offset offset, RecordName name) {
    auto* known = place(at, offset, name, "read");
    if (known != nullptr && !std::exchange(known->is_read, true)) ++read_records_;
}

Offset Ledger::safe_end(TopicPartition at) const {
    const auto found = partitions_.find(at);
    return Offset{found == partitions_.end() ? 0 : static_cast<std::int64_t>(found->second.at.size())};
}

std::optional<Instant> Ledger::safe_since(TopicPartition at, Offset offset) const {
    const auto found = partitions_.find(at);
    const auto index = static_cast<std::size_t>(offset.value());
    if (found == partitions_.end() || index >= found->second.at.size()) return std::nullopt;
    const auto& known = found->second.at[index];
    return known.is_known ? std::optional(known.since) : std::nullopt;
}

Ledger::Known* Ledger::place(TopicPartition at, Offset offset, RecordName name, const char* how) {
    auto& partition = partitions_[at];
    if (offset < Offset{0}) {
        world_.fail(fmt::format("{} {} at offset {} of {}", print(name), how, offset.value(), print(at)));
        return nullptr;
    }
    const auto index = static_cast<std::size_t>(offset.value());
    if (partition.at.size() <= index) partition.at.resize(index + 1);
    auto& known = partition.at[index];
    if (known.is_known && known.name != name) {
        world_.fail(fmt::format("offset {} of {} held {} ({}), now {} is {} there", offset.value(), print(at),
                                print(known.name), known.is_acked ? "acked" : "read", print(name), how));
        return nullptr;
    }
    const auto [where, is_new] = partition.where.try_emplace(name, offset);
    if (where->second != offset) {
        world_.fail(fmt::format("{} of {} is {} at offset {}, was at {}", print(name), print(at), how,
                                offset.value(), where->second.value()));
        return nullptr;
    }
    if (is_new) check_order(at, partition, name, offset);
    if (!std::exchange(known.is_known, true)) known.since = world_.now();
    known.name = name;
    return &known;
}

void Ledger::check_order(TopicPartition at, const Partition& partition, RecordName name, Offset offset) {
    const auto here = partition.where.find(name);
    const auto next = std::next(here);
    const bool after = next != partition.where.end() && next->first.producer == name.producer;
    const bool before = here != partition.where.begin() && std::prev(here)->first.producer == name.producer;
    if ((after && next->second < offset) || (before && std::prev(here)->second > offset)) {
        world_.fail(
            fmt::format("{} of {} is out of order at offset {}", print(name), print(at), offset.value()));
    }
}

void Ledger::deleted(TopicPartition at, Offset below) {
    auto& deleted = partitions_[at].deleted_below;
    deleted = std::max(deleted, below);
}

Offset Ledger::deleted_below(TopicPartition at) const {
    const auto found = partitions_.find(at);
    return found == partitions_.end() ? Offset{0} : found->second.deleted_below;
}

void Ledger::check_complete(TopicPartition at, Offset end) {
    const auto found = partitions_.find(at);
    if (found == partitions_.end()) return;
    for (std::size_t offset = 0; offset < found->second.at.size(); ++offset) {
        const auto& known = found->second.at[offset];
        if (!known.is_acked || known.is_read) continue;
        if (Offset{static_cast<std::int64_t>(offset)} < found->second.deleted_below) continue;
        world_.fail(fmt::format("{} of {}, acked at offset {}, is lost (the log ends at {})",
                                print(known.name), print(at), offset, end.value()));
        return;
    }
}

}  // namespace gregor::sim
