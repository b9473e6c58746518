#include "io/asio/read_gate.h"

namespace gregor::io {

constexpr std::chrono::seconds k_contended_for{1};
constexpr std::chrono::milliseconds k_patience{5};

bool ReadGate::is_contended() const {
    return Clock::now().time_since_epoch().count() < contended_until_.load(std::memory_order_relaxed);
}

std::unique_lock<std::mutex> ReadGate::wait_for_turn() {
    std::unique_lock turn(turn_);
    std::unique_lock lock(mutex_);
    no_sync_.wait_for(lock, k_patience, [this] { return syncs_ == 0; });
    return turn;
}

void ReadGate::sync_begins() {
    const std::scoped_lock lock(mutex_);
    ++syncs_;
    contended_until_.store(std::numeric_limits<Clock::rep>::max(), std::memory_order_relaxed);
}

void ReadGate::sync_ends() {
    const std::scoped_lock lock(mutex_);
    if (--syncs_ > 0) return;
    contended_until_.store((Clock::now() + k_contended_for).time_since_epoch().count(),
                           std::memory_order_relaxed);
    no_sync_.notify_one();
}

}  // namespace gregor::io
