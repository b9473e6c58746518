#include "io/asio/timer_heap.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::io {
namespace {

constexpr unsigned k_generation_shift = 32;

}  // namespace

bool TimerHeap::later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
}

TimerHeap::Slot* TimerHeap::find(TimerId timer) {
    const auto index = static_cast<std::uint32_t>(timer.value);
    if (index >= slots_.size()) return nullptr;
    auto& slot = slots_[index];
    const auto generation = static_cast<std::uint32_t>(timer.value >> k_generation_shift);
    return slot.generation == generation && slot.task != nullptr ? &slot : nullptr;
}

TimerId TimerHeap::add(Instant when, Task task) {
    ASSERT(task != nullptr);
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto index = free_slots_.back();
    free_slots_.pop_back();
    auto& slot = slots_[index];
    slot.task = std::move(task);
    const TimerId timer{(std::uint64_t{slot.generation} << k_generation_shift) | index};
    heap_.push_back({when, next_sequence_++, timer});
    std::ranges::push_heap(heap_, later);
    ++live_;
    return timer;
}

Task TimerHeap::release(TimerId timer) {
    auto* slot = find(timer);
    ASSERT(slot != nullptr);
    auto task = std::exchange(slot->task, nullptr);
    ++slot->generation;
    free_slots_.push_back(static_cast<std::uint32_t>(timer.value));
    --live_;
    return task;
}

void TimerHeap::cancel(TimerId timer) {
    if (find(timer) == nullptr) return;
    const auto dropped = release(timer);  // destroyed here, after the heap is consistent again
    compact();
}

void TimerHeap::compact() {
    if (heap_.size() < k_compact_min || heap_.size() < 2 * live_) return;
    std::erase_if(heap_, [this](const Entry& entry) { return find(entry.timer) == nullptr; });
    std::ranges::make_heap(heap_, later);
}

void TimerHeap::drop_cancelled() {
    while (!heap_.empty() && find(heap_.front().timer) == nullptr) {
        std::ranges::pop_heap(heap_, later);
        heap_.pop_back();
    }
}

Instant TimerHeap::earliest() {
    drop_cancelled();
    return heap_.empty() ? Instant::never() : heap_.front().when;
}

Task TimerHeap::take_due(Instant now) {
    if (earliest() > now || heap_.empty()) return nullptr;
    const auto timer = heap_.front().timer;
    std::ranges::pop_heap(heap_, later);
    heap_.pop_back();
    return release(timer);
}

void TimerHeap::clear() {
    heap_.clear();
    slots_.clear();
    free_slots_.clear();
    live_ = 0;
}

}  // namespace gregor::io
