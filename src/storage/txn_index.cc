#include "storage/txn_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/fault.h"
#include "io/disk_error.h"
#include "records/big_endian.h"
#include "storage/names.h"
#include "storage/segment_recovery.h"

namespace gregor::storage {
namespace {

using records::load_be;
using records::store_be;

struct Layout {
    static constexpr std::size_t k_version = 0;
    static constexpr std::size_t k_producer_id = 2;
    static constexpr std::size_t k_first_offset = 10;
    static constexpr std::size_t k_last_offset = 18;
    static constexpr std::size_t k_last_stable_offset = 26;
};
static_assert(Layout::k_last_stable_offset + 8 == k_txn_entry_bytes);
constexpr std::int16_t k_version = 0;
constexpr auto k_entry_bytes = static_cast<std::int64_t>(k_txn_entry_bytes);
constexpr std::int64_t k_entries_per_read = 1'000;

Result<AbortedTxn> read_entry(io::File& file, std::int64_t number) {
    std::array<std::byte, k_txn_entry_bytes> bytes{};
    const auto got = TRY(file.read_at(number * k_entry_bytes, bytes));
    if (got != bytes.size())
        return io::disk_fail(io::DiskFailure::broken, "a transaction index is too short");
    return decode_txn_entry(bytes);
}

// nullopt when there is none.
Result<std::optional<Ref<io::File>>> open_if_there(io::FileSystem& files, const std::string& directory,
                                                   Offset base) {
    auto file = files.open(segment_path(directory, base, k_txn_index_extension), io::OpenMode::read);
    if (file) return std::optional(std::move(*file));
    if (io::is_disk_failure(file.error(), io::DiskFailure::not_found)) return std::nullopt;
    return std::unexpected(std::move(file).error());
}

}  // namespace

void append_entry(std::vector<std::byte>& out, const AbortedTxn& entry) {
    const auto begin = out.size();
    out.resize(begin + k_txn_entry_bytes);
    auto* const at = out.data() + begin;
    store_be(at + Layout::k_version, k_version);
    store_be(at + Layout::k_producer_id, entry.producer_id.value());
    store_be(at + Layout::k_first_offset, entry.first_offset.value());
    store_be(at + Layout::k_last_offset, entry.last_offset.value());
    store_be(at + Layout::k_last_stable_offset, entry.last_stable_offset.value());
}

Result<AbortedTxn> decode_txn_entry(Bytes entry) {
    const auto* at = entry.data();
    const auto version = load_be<std::int16_t>(at + Layout::k_version);
    if (version != k_version)
        return fail(ErrorCode::corrupt_message,
                    fmt::format("a transaction index entry has version {}", version));
    return AbortedTxn{.producer_id = ProducerId{load_be<std::int64_t>(at + Layout::k_producer_id)},
                      .first_offset = Offset{load_be<std::int64_t>(at + Layout::k_first_offset)},
                      .last_offset = Offset{load_be<std::int64_t>(at + Layout::k_last_offset)},
                      .last_stable_offset = Offset{load_be<std::int64_t>(at + Layout::k_last_stable_offset)}};
}

Result<std::vector<AbortedTxn>> read_txn_index(io::FileSystem& files, const std::string& directory,
                                               Offset base) {
    std::vector<AbortedTxn> entries;
    const auto file = TRY(open_if_there(files, directory, base));
    if (!file) return entries;
    const auto count = TRY((*file)->size()) / k_entry_bytes;
    for (std::int64_t i = 0; i < count; ++i) entries.push_back(TRY(read_entry(**file, i)));
    return entries;
}

Status write_txn_index(io::FileSystem& files, const std::string& directory, Offset base,
                       std::span<const AbortedTxn> entries, std::int64_t kept) {
    const auto path = segment_path(directory, base, k_txn_index_extension);
    if (entries.empty() && kept == 0) return remove_if_there(files, path);
    std::vector<std::byte> bytes;
    for (const auto& entry : entries) append_entry(bytes, entry);
    const auto file = TRY(files.open(path, io::OpenMode::create));
    const Bytes contents = bytes;
    TRY_STATUS(file->truncate(kept * k_entry_bytes));
    if (!contents.empty()) TRY_STATUS(file->write_at(kept * k_entry_bytes, std::span(&contents, 1)));
    return file->sync_data();
}

Status append_txn_index(io::FileSystem& files, const std::string& directory, Offset base, std::int64_t number,
                        const AbortedTxn& entry) {
    const auto path = segment_path(directory, base, k_txn_index_extension);
    const auto file = TRY(files.open(path, io::OpenMode::create));
    std::vector<std::byte> bytes;
    append_entry(bytes, entry);
    const Bytes contents = bytes;
    TRY_STATUS(file->write_at(number * k_entry_bytes, std::span(&contents, 1)));
    FAULT_POINT("aborted_transaction_indexed");
    TRY_STATUS(file->sync_data());
    return number == 0 ? files.sync_directory(directory) : Status{};
}

Result<bool> txn_index_looks_sane(io::FileSystem& files, const std::string& directory,
                                  const Segment& segment) {
    if (segment.txn_entries == 0) return true;
    const auto file = TRY(open_if_there(files, directory, segment.base));
    if (!file || TRY((*file)->size()) != segment.txn_entries * k_entry_bytes) return false;
    const auto first = read_entry(**file, 0);
    const auto last = read_entry(**file, segment.txn_entries - 1);
    return first && last && first->last_offset >= segment.base && first->last_offset <= last->last_offset;
}

void AbortedCollector::add(const AbortedTxn& entry) {
    if (done_ || entry.last_offset <= last_) return;  // once from the file, once from memory
    last_ = entry.last_offset;
    if (entry.last_offset >= from_ && entry.first_offset < end_) found_.push_back(entry);
    done_ = entry.last_stable_offset >= end_;
}

// The number of the first entry whose marker is not below `from`.
Result<std::int64_t> AbortedCollector::first_after(io::File& file, std::int64_t entries) const {
    std::int64_t low = 0;
    std::int64_t high = entries;
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        if (TRY(read_entry(file, middle)).last_offset < from_)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

Status AbortedCollector::add_file(io::FileSystem& files, const std::string& directory,
                                  const Segment& segment) {
    if (segment.txn_entries == 0) return {};
    const auto opened = TRY(open_if_there(files, directory, segment.base));
    if (!opened) return {};
    auto& file = **opened;
    // An entry that is queued is counted already, and in the caller's memory.
    const auto entries = std::min(segment.txn_entries, TRY(file.size()) / k_entry_bytes);
    auto next = TRY(first_after(file, entries));
    std::vector<std::byte> bytes;
    while (next < entries && !done_) {
        const auto count = std::min(entries - next, k_entries_per_read);
        bytes.resize(static_cast<std::size_t>(count) * k_txn_entry_bytes);
        const auto got = TRY(file.read_at(next * k_entry_bytes, bytes)) / k_txn_entry_bytes;
        if (got == 0) return {};
        for (std::size_t i = 0; i < got && !done_; ++i)
            add(TRY(decode_txn_entry(Bytes(bytes).subspan(i * k_txn_entry_bytes, k_txn_entry_bytes))));
        next += static_cast<std::int64_t>(got);
    }
    return {};
}

}  // namespace gregor::storage
