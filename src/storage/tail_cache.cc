#include "storage/tail_cache.h"

#include <algorithm>

#include "base/assert.h"

namespace gregor::storage {

TailCache::Tail::Tail(TailCache& cache) : cache_(&cache), id_(cache.next_tail_++) {
    cache_->tails_.emplace(id_, this);
}

TailCache::Tail::~Tail() {
    while (!entries_.empty()) pop_front();
    cache_->tails_.erase(id_);
}

void TailCache::Tail::pop_front() {
    cache_->size_ -= entries_.front().batch.bytes.size();
    --cache_->batches_;
    entries_.pop_front();
}

void TailCache::Tail::append(TailBatch batch) {
    ASSERT(entries_.empty() || entries_.back().batch.last < batch.base);
    ASSERT(batch.base <= batch.last);
    const auto number = cache_->next_number_++;
    const auto size = batch.bytes.size();
    cache_->size_ += size;
    ++cache_->batches_;
    cache_->admissions_.push_back({id_, number});
    taken_bytes_ += size;
    unread_bytes_ += size;
    entries_.push_back({std::move(batch), number, taken_bytes_});
    cache_->evict();
}

void TailCache::Tail::note_reader() { unread_bytes_ = 0; }

void TailCache::Tail::set_written_end(Offset end) {
    ASSERT(end >= written_end_);
    written_end_ = end;
    if (unread_bytes_ > k_unread_bytes) drop_below(end);
    cache_->evict();
}

void TailCache::Tail::truncate_to(Offset end) {
    while (!entries_.empty() && entries_.back().batch.last >= end) {
        cache_->size_ -= entries_.back().batch.bytes.size();
        --cache_->batches_;
        taken_bytes_ -= entries_.back().batch.bytes.size();
        entries_.pop_back();
    }
    written_end_ = std::min(written_end_, end);
}

void TailCache::Tail::drop_below(Offset start) {
    while (!entries_.empty() && entries_.front().batch.last < std::min(start, written_end_)) pop_front();
}

void TailCache::Tail::reset(Offset end) {
    while (!entries_.empty()) pop_front();
    written_end_ = end;
}

bool TailCache::Tail::holds(Offset offset) const {
    return !entries_.empty() && offset >= entries_.front().batch.base && offset <= entries_.back().batch.last;
}

std::optional<std::size_t> TailCache::Tail::bytes_between(Offset from, Offset to) const {
    if (!holds(from)) return std::nullopt;
    const auto last_of = [](const Entry& entry) { return entry.batch.last; };
    const auto first = std::ranges::lower_bound(entries_, from, {}, last_of);
    const auto end = std::ranges::lower_bound(first, entries_.end(), to, {}, last_of);
    if (first == end) return 0;
    return (end - 1)->end_bytes - first->end_bytes + first->batch.bytes.size();
}

TailCache::Tail::Found TailCache::Tail::read(Offset from, Offset upper_bound, std::size_t max_bytes,
                                             bool min_one) const {
    ASSERT(holds(from));
    auto at =
        std::ranges::lower_bound(entries_, from, {}, [](const Entry& entry) { return entry.batch.last; });
    Found found{.records = {}, .next_offset = from};
    for (; at != entries_.end() && at->batch.last < upper_bound; ++at) {
        const auto& bytes = at->batch.bytes;
        const bool fits = found.records.size() + bytes.size() <= max_bytes;
        if (!fits && !(min_one && found.records.empty())) break;
        found.records.append(bytes);
        found.next_offset = at->batch.last + 1;
    }
    return found;
}

// A batch that was truncated away between two that are there passes for one of them until they go.
bool TailCache::holds(const Admission& admission) const {
    const auto tail = tails_.find(admission.tail);
    if (tail == tails_.end() || tail->second->entries_.empty()) return false;
    return tail->second->entries_.front().number <= admission.number;
}

void TailCache::evict() {
    while (size_ > capacity_ && !admissions_.empty()) {
        const auto oldest = admissions_.front();
        const auto tail = tails_.find(oldest.tail);
        const bool is_there = tail != tails_.end() && !tail->second->entries_.empty() &&
                              tail->second->entries_.front().number == oldest.number;
        if (is_there) {
            if (tail->second->entries_.front().batch.last >= tail->second->written_end_) return;
            tail->second->pop_front();
        }
        admissions_.pop_front();
    }
    forget_stale_admissions();
}

// Batches also go without being evicted: their admissions never outnumber those that are there by much.
void TailCache::forget_stale_admissions() {
    constexpr std::size_t k_few = 64;
    if (admissions_.size() <= 2 * batches_ + k_few) return;
    std::erase_if(admissions_, [this](const Admission& admission) { return !holds(admission); });
}

}  // namespace gregor::storage
