#include "sim/inode.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace gregor::sim {
namespace {

constexpr auto k_page = static_cast<std::int64_t>(k_page_bytes);

std::int64_t page_of(std::int64_t position) { return position / k_page; }
std::size_t offset_in_page(std::int64_t position) { return static_cast<std::size_t>(position % k_page); }

// How many bytes from `position` on lie in one page, at most `size`.
std::size_t span_in_page(std::int64_t position, std::size_t size) {
    return std::min(size, k_page_bytes - offset_in_page(position));
}

}  // namespace

// ---------------------------------------------------------------- contents

void FileContent::read(std::int64_t position, MutableBytes out) const {
    ASSERT(position + static_cast<std::int64_t>(out.size()) <= size_);
    while (!out.empty()) {
        const auto size = span_in_page(position, out.size());
        const auto found = pages_.find(page_of(position));
        if (found == pages_.end()) {
            std::memset(out.data(), 0, size);
        } else {
            std::memcpy(out.data(), found->second->cache.data() + offset_in_page(position), size);
        }
        out = out.subspan(size);
        position += static_cast<std::int64_t>(size);
    }
}

void FileContent::write(std::int64_t position, Bytes bytes, Prng& prng) {
    resize(std::max(size_, position + static_cast<std::int64_t>(bytes.size())));
    while (!bytes.empty()) {
        const auto size = span_in_page(position, bytes.size());
        const auto from = offset_in_page(position);
        auto& target = page(page_of(position));
        mark_dirty(page_of(position), target, from, from + size, &prng);
        std::memcpy(target.cache.data() + from, bytes.data(), size);
        bytes = bytes.subspan(size);
        position += static_cast<std::int64_t>(size);
    }
}

void FileContent::truncate(std::int64_t size) {
    const auto old_size = size_;
    resize(size);
    if (size >= old_size) return;
    // What is cut off reads as zeros if the file grows again, but stays on the platter until the next sync.
    for (auto at = pages_.lower_bound(page_of(size)); at != pages_.end(); ++at) {
        const auto from = at->first == page_of(size) ? offset_in_page(size) : 0;
        mark_dirty(at->first, *at->second, from, k_page_bytes, nullptr);
        std::memset(at->second->cache.data() + from, 0, k_page_bytes - from);
    }
}

void FileContent::sync() {
    for (const auto index : dirty_pages_) {
        const auto found = pages_.find(index);
        if (found == pages_.end()) continue;
        for (std::size_t sector = 0; sector < k_sectors_per_page; ++sector)
            write_back(*found->second, sector);
        found->second->dirty = 0;
    }
    dirty_pages_.clear();
    platter_size_ = size_low_ = size_high_ = size_;
    drop_pages_beyond_the_end();
}

void FileContent::sync_badly(Prng& prng) {
    for (const auto index : dirty_pages_) {
        const auto found = pages_.find(index);
        if (found == pages_.end()) continue;
        for (std::size_t sector = 0; sector < k_sectors_per_page; ++sector) {
            if (prng.chance(1, 2)) write_back(*found->second, sector);
        }
        found->second->dirty = 0;
        found->second->lost = true;
    }
    lost_pages_ = true;
    dirty_pages_.clear();
}

void FileContent::power_cut(Survival survival, Prng& prng) {
    const auto size = surviving_size(survival, prng);
    for (auto& [index, page] : pages_) {
        for (std::size_t sector = 0; sector < k_sectors_per_page; ++sector) {
            const bool is_dirty = (page->dirty >> sector & 1U) != 0;
            const bool survives =
                survival == Survival::everything || (survival == Survival::anything && prng.chance(1, 2));
            if (is_dirty && survives) write_back(*page, sector);
        }
        page->cache = page->platter;
        page->dirty = 0;
        page->lost = false;
    }
    dirty_pages_.clear();
    lost_pages_ = false;
    size_ = platter_size_ = size_low_ = size_high_ = size;
    drop_pages_beyond_the_end();
}

std::int64_t FileContent::surviving_size(Survival survival, Prng& prng) const {
    if (survival == Survival::nothing) return platter_size_;
    if (survival == Survival::everything) return size_;
    const auto way = prng.below(4);
    if (way == 0) return platter_size_;
    if (way == 1) return size_;
    const auto size = prng.between(size_low_, size_high_);
    // A file system learns of a size as it writes pages back: the end of one is the likeliest.
    return way == 2 ? std::max(size_low_, size - size % k_page) : size;
}

FileContent::Page& FileContent::page(std::int64_t index) {
    auto& slot = pages_[index];
    if (slot == nullptr) slot = std::make_unique<Page>();
    return *slot;
}

void FileContent::write_back(Page& page, std::size_t sector) {
    const auto from = sector * k_sector_bytes;
    std::memcpy(page.platter.data() + from, page.cache.data() + from, k_sector_bytes);
}

// To be called before the cache changes: with `prng`, an earlier version may reach the platter first.
void FileContent::mark_dirty(std::int64_t index, Page& page, std::size_t from, std::size_t to, Prng* prng) {
    if (page.dirty == 0) dirty_pages_.push_back(index);
    for (auto sector = from / k_sector_bytes; sector * k_sector_bytes < to; ++sector) {
        const bool was_dirty = (page.dirty >> sector & 1U) != 0;
        if (was_dirty && prng != nullptr && prng->chance(1, 8)) write_back(page, sector);
        page.dirty = static_cast<std::uint8_t>(page.dirty | 1U << sector);
    }
}

void FileContent::resize(std::int64_t size) {
    size_ = size;
    size_low_ = std::min(size_low_, size);
    size_high_ = std::max(size_high_, size);
}

void FileContent::drop_pages_beyond_the_end() {
    const auto pages = page_of(size_ + k_page - 1);
    pages_.erase(pages_.lower_bound(pages), pages_.end());
    const auto last = pages_.find(page_of(size_));
    if (last == pages_.end()) return;
    const auto from = offset_in_page(size_);
    std::memset(last->second->cache.data() + from, 0, k_page_bytes - from);
    std::memset(last->second->platter.data() + from, 0, k_page_bytes - from);
}

// ---------------------------------------------------------------- names

void Inode::change(Change change) {
    ASSERT(is_directory);
    if (!change.removed.empty()) entries.erase(change.removed);
    if (!change.added.empty()) entries[change.added] = change.target;
    unsynced_.push_back(std::move(change));
}

void Inode::persist(std::size_t changes) {
    for (; changes > 0; --changes) {
        const auto& change = unsynced_.front();
        if (!change.removed.empty()) platter_entries_.erase(change.removed);
        if (!change.added.empty()) platter_entries_[change.added] = change.target;
        unsynced_.pop_front();
    }
}

void Inode::power_cut(Survival survival, Prng& prng) {
    const auto below = survival;
    constexpr std::array k_ways = {Survival::nothing, Survival::everything, Survival::anything};
    if (survival == Survival::anything)
        survival = k_ways[prng.below(k_ways.size())];  // each file its own way
    if (!is_directory) return content.power_cut(survival, prng);
    if (survival == Survival::everything) persist(unsynced_.size());
    if (survival == Survival::anything) persist(prng.below(unsynced_.size() + 1));
    unsynced_.clear();
    entries = platter_entries_;
    for (auto& [name, child] : entries) child->power_cut(below, prng);
}

}  // namespace gregor::sim
