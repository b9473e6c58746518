// What is known of the transfers of a scenario, and the contradictions in it. Knows nothing of the broker's
// insides.
//
// An order is a record of topic 0, by its place. A teller books it: two records in topic 1, which take from
// one account and give to another, in one transaction with the order's offset. Whatever dies, a reader of
// committed records must see each order booked once, both halves of it, and nothing of an attempt that was
// aborted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "sim/ledger.h"
#include "sim/world.h"

namespace gregor::sim {

inline constexpr std::uint32_t k_orders = 0;  // topics of the stage
inline constexpr std::uint32_t k_accounts = 1;

// One half of a booking, as its record's value says.
struct Posting {
    TopicPartition order;
    std::int64_t offset = 0;  // of the order
    std::uint64_t attempt = 0;
    std::int64_t amount = 0;  // the halves of an order add up to nothing
    friend auto operator<=>(const Posting&, const Posting&) = default;
};
std::string to_text(const Posting& posting);
std::optional<Posting> parse_posting(std::string_view text);

class Bank {
public:
    explicit Bank(World& world) : world_(world) {}

    // A transaction that is about to be tried.
    std::uint64_t begin_attempt() { return ++attempts_; }
    // What its teller was told for sure.
    void committed(std::uint64_t attempt);
    void aborted(std::uint64_t attempt);

    // A committed record at this place of the accounts.
    void read(TopicPartition at, Offset offset, const Posting& posting);
    // After one reader has read everything: orders up to `ends` are booked, once, whole.
    void check_complete(const std::map<TopicPartition, Offset>& ends);
    bool has_booked_all(const std::map<TopicPartition, Offset>& ends) const;

    std::uint64_t commits() const { return committed_.size(); }
    std::uint64_t aborts() const { return aborted_.size(); }
    std::uint64_t postings() const { return by_place_.size(); }

private:
    struct Booking {
        std::uint64_t attempt = 0;
        std::int64_t balance = 0;
        int halves = 0;
    };
    using Order = std::pair<TopicPartition, std::int64_t>;

    World& world_;
    std::uint64_t attempts_ = 0;
    std::set<std::uint64_t> committed_;
    std::set<std::uint64_t> aborted_;
    std::set<std::uint64_t> seen_;  // attempts of which something was read
    std::map<std::pair<TopicPartition, Offset>, Posting> by_place_;
    std::map<Order, Booking> bookings_;
};

}  // namespace gregor::sim
