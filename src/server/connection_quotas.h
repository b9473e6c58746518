// How many connections the whole node keeps, and how fast new ones may come: max.connections,
// max.connections.per.ip, max.connection.creation.rate, the first and the last also of a listener, and the
// quotas of addresses.
//
// Lives on shard 0; the servers of all shards ask and release through the mailbox. As in Kafka, a connection
// over max.connections waits until another one goes, one that comes too early waits until it is time, one
// over the number of its address is closed, and one over the rate of its address is closed a little later.
// The listener of the brokers among themselves, if it is one of several, does not wait for max.connections of
// all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/ports.h"
#include "metadata/quota_table.h"
#include "server/quota_rate.h"

namespace gregor::server {

struct QuotaLimits {
    static constexpr std::size_t k_none = std::numeric_limits<std::int32_t>::max();
    struct Listener {
        std::size_t connections_max = k_none;
        std::size_t rate_max = k_none;  // connections a second
    };
    std::size_t connections_max = k_none;                                // max.connections
    std::size_t per_ip_max = k_none;                                     // max.connections.per.ip
    std::map<std::string, std::size_t, std::less<>> per_ip_overrides{};  // max.connections.per.ip.overrides
    std::size_t rate_max = k_none;                                       // max.connection.creation.rate
    std::vector<Listener> listeners{};  // by their numbers; further ones have none
    std::optional<std::uint32_t> protected_listener{};
    metadata::AddressQuotas address_rates{};
};

class ConnectionQuotas {
public:
    using Answer = std::move_only_function<void(bool admitted)>;
    static constexpr std::size_t k_waiting_max = 1'000;  // of a listener; further ones are closed
    static constexpr std::size_t k_addresses_max =
        10'000;  // whose rates are measured; beyond, idle ones are forgotten

    struct Asker {
        std::string host;
        std::uint32_t listener = 0;
    };

    ConnectionQuotas(const io::ShardPorts& ports, const QuotaWindow& window)
        : clock_(ports.clock), executor_(ports.executor), window_(window) {}

    // Counts from now on, for those who wait, too; who is connected stays.
    void set_limits(QuotaLimits limits);
    // Answers at once, or when there is room and time.
    void ask(const Asker& asker, Answer answer);
    // One that was admitted has gone.
    void release(const Asker& asker);

    std::size_t open() const { return open_; }
    std::size_t waiting() const;

private:
    struct Waiting {
        Asker asker;
        Answer answer;
        Instant not_before;
    };
    struct Listener {
        std::size_t open = 0;
        QuotaRate rate;
        std::deque<Waiting> waiting;
    };
    std::size_t limit_of(const std::string& host) const;
    QuotaLimits::Listener limits_of(std::uint32_t listener) const;
    bool is_protected(std::uint32_t listener) const { return limits_.protected_listener == listener; }
    bool has_slot(std::uint32_t listener) const;
    Duration note_arrival(std::uint32_t listener, Instant now);
    Duration excess_of_address(const std::string& host, Instant now);
    void admit_waiting();
    void arm_timer();
    void decide(const Asker& asker, Answer& answer);
    void refuse_later(Duration delay, Answer& answer);

    io::Clock& clock_;
    io::Executor& executor_;
    const QuotaWindow window_;
    QuotaLimits limits_;
    std::size_t open_ = 0;
    std::map<std::string, std::size_t> by_host_;
    std::map<std::uint32_t, Listener> listeners_;
    QuotaRate rate_;
    std::map<std::string, QuotaRate, std::less<>> address_rates_;
    std::size_t refused_later_ = 0;
    bool is_timer_armed_ = false;
};

}  // namespace gregor::server
