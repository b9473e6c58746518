#include "server/connection_quotas.h"

#include "base/assert.h"
#include "base/log.h"

namespace gregor::server {

void ConnectionQuotas::ask(const std::string& host, Answer answer) {
    if (open_ < limits_.connections_max) return decide(host, answer);
    if (waiting_.size() >= k_waiting_max) return answer(false);
    if (waiting_.empty()) LOG_WARN("connections_wait", limits_.connections_max);
    waiting_.push_back({host, std::move(answer)});
}

std::size_t ConnectionQuotas::limit_of(const std::string& host) const {
    const auto found = limits_.per_ip_overrides.find(host);
    return found == limits_.per_ip_overrides.end() ? limits_.per_ip_max : found->second;
}

void ConnectionQuotas::decide(const std::string& host, Answer& answer) {
    const auto limit = limit_of(host);
    const auto entry = by_host_.try_emplace(host, 0).first;
    if (entry->second >= limit) {
        if (entry->second == 0) by_host_.erase(entry);
        LOG_WARN("connection_refused", host, limit);
        return answer(false);
    }
    ++entry->second;
    ++open_;
    answer(true);
}

void ConnectionQuotas::release(const std::string& host) {
    const auto entry = by_host_.find(host);
    ASSERT(open_ > 0 && entry != by_host_.end());
    --open_;
    if (--entry->second == 0) by_host_.erase(entry);
    while (!waiting_.empty() && open_ < limits_.connections_max) {
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        decide(next.host, next.answer);
    }
}

}  // namespace gregor::server
