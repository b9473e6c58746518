// max.connections and max.connections.per.ip: how many connections the whole node keeps.
//
// Lives on shard 0; the servers of all shards ask and release through the mailbox, and only where a limit is
// set at all. As in Kafka, a connection over max.connections waits until another one goes, and one over the
// limit of its address is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <string>

namespace gregor::server {

struct QuotaLimits {
    static constexpr std::size_t k_none = std::numeric_limits<std::int32_t>::max();
    std::size_t connections_max = k_none;                              // max.connections
    std::size_t per_ip_max = k_none;                                   // max.connections.per.ip
    std::map<std::string, std::size_t, std::less<>> per_ip_overrides;  // max.connections.per.ip.overrides

    bool has_any() const {
        return connections_max != k_none || per_ip_max != k_none || !per_ip_overrides.empty();
    }
};

class ConnectionQuotas {
public:
    using Answer = std::move_only_function<void(bool admitted)>;
    static constexpr std::size_t k_waiting_max = 1'000;  // further ones are closed

    explicit ConnectionQuotas(QuotaLimits limits) : limits_(std::move(limits)) {}

    // Answers at once, or when there is room.
    void ask(const std::string& host, Answer answer);
    // One that was admitted has gone.
    void release(const std::string& host);

    std::size_t open() const { return open_; }
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        std::string host;
        Answer answer;
    };
    std::size_t limit_of(const std::string& host) const;
    void decide(const std::string& host, Answer& answer);

    const QuotaLimits limits_;
    std::size_t open_ = 0;
    std::map<std::string, std::size_t> by_host_;
    std::deque<Waiting> waiting_;
};

}  // namespace gregor::server
