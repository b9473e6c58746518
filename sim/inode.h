// A file or directory of the simulated disk, twice: as running processes see it (the cache) and as a power
// cut would leave it (the platter).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"
#include "base/ref.h"

namespace gregor::sim {

inline constexpr std::size_t k_sector_bytes = 512;
inline constexpr std::size_t k_page_bytes = 4096;
inline constexpr std::size_t k_sectors_per_page = k_page_bytes / k_sector_bytes;

// How much of what was not synced a power cut leaves.
enum class Survival : std::uint8_t { nothing, everything, anything };

// The bytes of one file, page by page; a missing page is zeros.
class FileContent {
public:
    std::int64_t size() const { return size_; }
    void read(std::int64_t position, MutableBytes out) const;
    // `prng` decides which sectors the kernel happened to write back before this write changed them.
    void write(std::int64_t position, Bytes bytes, Prng& prng);
    void truncate(std::int64_t size);
    void sync();
    // As Linux does it: some sectors reach the platter, and all count as clean afterwards.
    void sync_badly(Prng& prng);
    void power_cut(Survival survival, Prng& prng);

private:
    struct Page {
        std::array<std::byte, k_page_bytes> cache{};
        std::array<std::byte, k_page_bytes> platter{};
        std::uint8_t dirty = 0;  // one bit a sector
        bool lost = false;       // cache and platter differ though clean, after a failed sync
    };
    using Pages = std::map<std::int64_t, std::unique_ptr<Page>>;

    Page& page(std::int64_t index);
    static void write_back(Page& page, std::size_t sector);
    void mark_dirty(std::int64_t index, Page& page, std::size_t from, std::size_t to, Prng* prng);
    void resize(std::int64_t size);
    void drop_pages_beyond_the_end();
    std::int64_t surviving_size(Survival survival, Prng& prng) const;

    Pages pages_;
    std::vector<std::int64_t> dirty_pages_;  // may name pages that are gone
    std::int64_t size_ = 0;
    std::int64_t platter_size_ = 0;
    std::int64_t size_low_ = 0;  // the range of sizes since the last sync
    std::int64_t size_high_ = 0;
    bool lost_pages_ = false;
};

class Inode final : public RefCounted {
public:
    using Entries = std::map<std::string, Ref<Inode>, std::less<>>;

    Inode(std::uint64_t its_number, bool is_one) : number(its_number), is_directory(is_one) {}

    // Directories: changes the cache and remembers the change until it is synced. An empty name is no change.
    struct Change {
        std::string removed;
        std::string added;
        Ref<Inode> target;
    };
    void change(Change change);
    void sync_entries() { persist(unsynced_.size()); }
    // Leaves a prefix of the unsynced changes, then goes on with everything below.
    void power_cut(Survival survival, Prng& prng);

    const std::uint64_t number;
    const bool is_directory;
    std::int64_t modified_ms = 0;
    FileContent content;
    Entries entries;

private:
    void persist(std::size_t changes);

    Entries platter_entries_;
    std::deque<Change> unsynced_;
};

}  // namespace gregor::sim
