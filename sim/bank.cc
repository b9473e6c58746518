#include "sim/bank.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace gregor::sim {
namespace {

std::string print(TopicPartition at, std::int64_t offset) {
    return fmt::format("{} of t{}-{}", offset, at.topic, at.partition);
}

}  // namespace

std::string to_text(const Posting& posting) {
    return fmt::format("{} {} {} {}", posting.order.partition, posting.offset, posting.attempt,
                       posting.amount);
}

std::optional<Posting> parse_posting(std::string_view text) {
    std::array<std::int64_t, 4> numbers{};
    for (auto& number : numbers) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{}) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        if (text.starts_with(' ')) text.remove_prefix(1);
    }
    if (!text.empty()) return std::nullopt;
    return Posting{.order = {k_orders, static_cast<std::int32_t>(numbers[0])},
                   .offset = numbers[1],
                   .attempt = static_cast<std::uint64_t>(numbers[2]),
                   .amount = numbers[3]};
}

void Bank::committed(std::uint64_t attempt) {
    committed_.insert(attempt);
    if (aborted_.contains(attempt))
        world_.fail(fmt::format("transaction {} was aborted, and is committed now", attempt));
}

void Bank::aborted(std::uint64_t attempt) {
    aborted_.insert(attempt);
    if (committed_.contains(attempt))
        world_.fail(fmt::format("transaction {} was committed, and is aborted now", attempt));
    if (seen_.contains(attempt))
        world_.fail(fmt::format("transaction {} is aborted, and was read already", attempt));
}

void Bank::read(TopicPartition at, Offset offset, const Posting& posting) {
    const auto [known, is_new] = by_place_.try_emplace({at, offset}, posting);
    if (!is_new) {
        if (known->second != posting)
            world_.fail(fmt::format("the record at {} has changed", print(at, offset.value())));
        return;
    }
    if (aborted_.contains(posting.attempt))
        return world_.fail(fmt::format("a record of transaction {}, which was aborted, is read at {}",
                                       posting.attempt, print(at, offset.value())));
    seen_.insert(posting.attempt);
    auto& booking = bookings_[{posting.order, posting.offset}];
    if (booking.halves > 0 && booking.attempt != posting.attempt)
        return world_.fail(fmt::format("order {} is booked by transactions {} and {}",
                                       print(posting.order, posting.offset), booking.attempt,
                                       posting.attempt));
    booking.attempt = posting.attempt;
    booking.balance += posting.amount;
    if (++booking.halves > 2 || (booking.halves == 2 && booking.balance != 0))
        world_.fail(fmt::format("order {} is booked {} times by transaction {}, which leaves {}",
                                print(posting.order, posting.offset), booking.halves, posting.attempt,
                                booking.balance));
}

bool Bank::has_booked_all(const std::map<TopicPartition, Offset>& ends) const {
    for (const auto& [at, end] : ends)
        for (std::int64_t offset = 0; offset < end.value(); ++offset) {
            const auto found = bookings_.find({at, offset});
            if (found == bookings_.end() || found->second.halves < 2) return false;
        }
    return true;
}

void Bank::check_complete(const std::map<TopicPartition, Offset>& ends) {
    for (const auto& [at, end] : ends)
        for (std::int64_t offset = 0; offset < end.value(); ++offset) {
            const auto found = bookings_.find({at, offset});
            if (found == bookings_.end())
                return world_.fail(fmt::format("order {} is never booked", print(at, offset)));
            if (found->second.halves != 2)
                return world_.fail(
                    fmt::format("only one half of order {} is booked, by transaction {}{}", print(at, offset),
                                found->second.attempt,
                                committed_.contains(found->second.attempt) ? ", which was committed" : ""));
        }
}

}  // namespace gregor::sim
