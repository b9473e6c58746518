#include "server/connection_quotas.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"

namespace gregor::server {

void ConnectionQuotas::set_limits(QuotaLimits limits) {
    limits_ = std::move(limits);
    if (limits_.address_rates.empty()) address_rates_.clear();
    admit_waiting();
}

void ConnectionQuotas::ask(const Asker& asker, Answer answer) {
    const auto now = clock_.now();
    auto& listener = listeners_[asker.listener];
    const auto delay = note_arrival(asker.listener, now);
    if (listener.waiting.empty() && delay <= Duration() && has_slot(asker.listener))
        return decide(asker, answer);
    if (listener.waiting.size() >= k_waiting_max) return answer(false);
    if (listener.waiting.empty()) LOG_WARN("connections_wait", asker.listener, open_);
    listener.waiting.push_back({asker, std::move(answer), now + delay});
    arm_timer();
}

std::size_t ConnectionQuotas::waiting() const {
    std::size_t all = 0;
    for (const auto& [number, listener] : listeners_) all += listener.waiting.size();
    return all;
}

std::size_t ConnectionQuotas::limit_of(const std::string& host) const {
    const auto found = limits_.per_ip_overrides.find(host);
    return found == limits_.per_ip_overrides.end() ? limits_.per_ip_max : found->second;
}

QuotaLimits::Listener ConnectionQuotas::limits_of(std::uint32_t listener) const {
    return listener < limits_.listeners.size() ? limits_.listeners[listener] : QuotaLimits::Listener{};
}

bool ConnectionQuotas::has_slot(std::uint32_t listener) const {
    const auto found = listeners_.find(listener);
    if (found != listeners_.end() && found->second.open >= limits_of(listener).connections_max) return false;
    return is_protected(listener) || open_ < limits_.connections_max;
}

// How long it comes too early.
Duration ConnectionQuotas::note_arrival(std::uint32_t listener, Instant now) {
    const auto note = [&](QuotaRate& rate, std::size_t rate_max) {
        if (rate_max == QuotaLimits::k_none) return Duration();
        rate.record(window_, 1, now);
        // Nobody may come at all, as long as that is so: as near to it as a rate can be.
        const auto bound = std::max(static_cast<double>(rate_max), 1e-9);
        return std::min(rate.excess(window_, bound, now), window_.sample);
    };
    const auto own = note(listeners_[listener].rate, limits_of(listener).rate_max);
    return is_protected(listener) ? own : std::max(own, note(rate_, limits_.rate_max));
}

// A connection over the rate is not made, and does not count.
Duration ConnectionQuotas::excess_of_address(const std::string& host, Instant now) {
    const auto bound = limits_.address_rates.find(host);
    if (!bound) return {};
    if (address_rates_.size() >= k_addresses_max) {
        std::erase_if(address_rates_, [&](const auto& entry) {
            return now - entry.second.last_recorded() >= window_.memory();
        });
    }
    auto& rate = address_rates_[host];
    rate.record(window_, 1, now);
    const auto excess = std::min(rate.excess(window_, *bound, now), window_.sample);
    if (excess > Duration()) rate.record(window_, -1, now);
    return excess;
}

void ConnectionQuotas::admit_waiting() {
    const auto now = clock_.now();
    for (auto& [number, listener] : listeners_) {
        while (!listener.waiting.empty() && listener.waiting.front().not_before <= now && has_slot(number)) {
            auto next = std::move(listener.waiting.front());
            listener.waiting.pop_front();
            decide(next.asker, next.answer);
        }
    }
    arm_timer();
}

// For those who came too early; who waits for another to go needs none.
void ConnectionQuotas::arm_timer() {
    if (is_timer_armed_) return;
    const auto now = clock_.now();
    auto next = Instant::never();
    for (const auto& [number, listener] : listeners_) {
        if (!listener.waiting.empty() && listener.waiting.front().not_before > now)
            next = std::min(next, listener.waiting.front().not_before);
    }
    if (next == Instant::never()) return;
    is_timer_armed_ = true;
    executor_.call_at(next, [this] {
        is_timer_armed_ = false;
        admit_waiting();
    });
}

void ConnectionQuotas::decide(const Asker& asker, Answer& answer) {
    if (const auto delay = excess_of_address(asker.host, clock_.now()); delay > Duration())
        return refuse_later(delay, answer);
    const auto limit = limit_of(asker.host);
    const auto entry = by_host_.try_emplace(asker.host, 0).first;
    if (entry->second >= limit) {
        if (entry->second == 0) by_host_.erase(entry);
        LOG_WARN("connection_refused", asker.host, limit);
        return answer(false);
    }
    ++entry->second;
    ++open_;
    ++listeners_[asker.listener].open;
    answer(true);
}

// Whoever is closed at once comes back at once.
void ConnectionQuotas::refuse_later(Duration delay, Answer& answer) {
    if (refused_later_ >= k_waiting_max) return answer(false);
    ++refused_later_;
    executor_.call_at(clock_.now() + delay, [this, refuse = std::move(answer)]() mutable {
        --refused_later_;
        refuse(false);
    });
}

void ConnectionQuotas::release(const Asker& asker) {
    const auto entry = by_host_.find(asker.host);
    auto& listener = listeners_[asker.listener];
    ASSERT(open_ > 0 && listener.open > 0 && entry != by_host_.end());
    --open_;
    --listener.open;
    if (--entry->second == 0) by_host_.erase(entry);
    admit_waiting();
}

}  // namespace gregor::server
