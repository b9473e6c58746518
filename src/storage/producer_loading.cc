#include "storage/producer_loading.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>

#include "base/fault.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "storage/names.h"
#include "storage/segment_recovery.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {
namespace {

// How much of the log's end is read again after a snapshot, to know more than one batch of each producer.
constexpr std::int64_t k_window_bytes = std::int64_t{1} << 20;
constexpr std::size_t k_marker_bytes_max = 4096;
constexpr std::int64_t k_snapshot_bytes_max = std::int64_t{256} << 20;

// Up to where a snapshot may lie: what follows is replayed for the transaction indexes.
Offset snapshots_end(const ProducerLoad& load) {
    return load.txn_indexes_from ? std::max(*load.txn_indexes_from, load.txn_indexes_sound_below)
                                 : load.log_end;
}

// Deletes snapshots beyond the end (their offsets will be written again) and those that no segment begins
// with, save the newest and the newest that may be used now. Returns the others, newest first.
Result<std::vector<Offset>> usable_snapshots(io::FileSystem& files, const ProducerLoad& load) {
    std::vector<Offset> offsets;
    for (const auto& entry : TRY(files.list(load.directory)))
        if (const auto offset = offset_of_file(entry.name);
            offset && entry.name == segment_stem(*offset) + k_snapshot_extension)
            offsets.push_back(*offset);
    std::ranges::sort(offsets, std::greater{});
    std::vector<Offset> usable;
    const auto last = snapshots_end(load);
    for (const auto offset : offsets) {
        const bool has_segment = std::ranges::binary_search(load.segments, offset, {}, &Segment::base);
        const bool is_first = usable.empty() || (usable.back() > last && offset <= last);
        const bool keep = offset <= load.log_end && (has_segment || is_first);
        if (keep) {
            usable.push_back(offset);
        } else {
            TRY_STATUS(remove_if_there(files, segment_path(load.directory, offset, k_snapshot_extension)));
        }
    }
    return usable;
}

Result<std::optional<ProducerState>> read_snapshot(io::FileSystem& files, const ProducerLoad& load,
                                                   Offset offset) {
    const auto path = segment_path(load.directory, offset, k_snapshot_extension);
    const auto file = TRY(files.open(path, io::OpenMode::read));
    const auto size = TRY(file->size());
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(size, k_snapshot_bytes_max)));
    const auto got = TRY(file->read_at(0, bytes));
    auto state = ProducerState::decode_snapshot(Bytes(bytes).first(got));
    if (state) return std::move(*state);
    LOG_WARN("producer_snapshot_dropped", path, state.error().detail);
    TRY_STATUS(remove_if_there(files, path));
    return std::nullopt;
}

Status apply_batch(SegmentScanner& scanner, ProducerState& state, std::vector<AbortedTxn>& aborted) {
    if (scanner.batch().magic != records::k_magic_v2 || !scanner.header().has_producer_id()) return {};
    if (!scanner.header().is_control()) {
        state.apply(producer_batch(scanner.header()));
        return {};
    }
    const auto whole = TRY(scanner.whole(k_marker_bytes_max));
    if (!whole) return {};
    const auto marker = producer_marker(records::BatchView(*whole));
    if (!marker) return {};
    if (const auto transaction = state.apply(*marker)) aborted.push_back(*transaction);
    return {};
}

// The batches of one segment that begin at or after `from`; scanning starts at `position`. Returns the
// transactions that were aborted in it.
Result<std::vector<AbortedTxn>> replay_segment(io::FileSystem& files, const ProducerLoad& load,
                                               const Segment& segment, std::int64_t position, Offset from,
                                               ProducerState& state) {
    const auto log =
        TRY(files.open(segment_path(load.directory, segment.base, k_log_extension), io::OpenMode::read));
    SegmentScanner scanner(*log, position, segment.size);
    std::vector<AbortedTxn> aborted;
    while (TRY(scanner.next()))
        if (scanner.batch().base >= from) TRY_STATUS(apply_batch(scanner, state, aborted));
    return aborted;
}

Result<Ref<io::File>> open_index(io::FileSystem& files, const ProducerLoad& load, const Segment& segment) {
    return files.open(segment_path(load.directory, segment.base, k_index_extension), io::OpenMode::read);
}

// The index of a segment whose batches were replayed: what it says of markers below the sound point stays
// where it is, what was found since follows.
Status settle_txn_index(io::FileSystem& files, const ProducerLoad& load, Segment& segment,
                        const std::vector<AbortedTxn>& replayed) {
    const auto sound_below = std::max(load.txn_indexes_sound_below, segment.base);
    const auto is_sound = [&](const AbortedTxn& entry) { return entry.last_offset < sound_below; };
    std::vector<AbortedTxn> all;
    if (segment.txn_entries > 0 && sound_below > segment.base) {
        const auto stored = TRY(read_txn_index(files, load.directory, segment.base));
        std::ranges::copy_if(stored, std::back_inserter(all), is_sound);
    }
    const auto kept = std::ssize(all);
    if (kept == 0 || !PLANTED_BUG("aborted_behind_mark_forgotten"))
        std::ranges::copy_if(replayed, std::back_inserter(all), std::not_fn(is_sound));
    if (std::ssize(all) == kept && kept == segment.txn_entries) return {};
    TRY_STATUS(write_txn_index(files, load.directory, segment.base, all));
    segment.txn_entries = std::ssize(all);
    return {};
}

Status replay_from(io::FileSystem& files, const ProducerLoad& load, Offset from, ProducerState& state) {
    for (std::size_t i = 0; i < load.segments.size(); ++i) {
        auto& segment = load.segments[i];
        if (i + 1 < load.segments.size() && load.segments[i + 1].base <= from) continue;
        std::int64_t position = 0;
        if (from > segment.base && segment.index_entries > 0) {
            const auto index = TRY(open_index(files, load, segment));
            position = TRY(lookup_offset(*index, segment.base, segment.index_entries, from)).position;
        }
        const auto aborted = TRY(replay_segment(files, load, segment, position, from, state));
        if (!load.txn_indexes_from || segment.base < *load.txn_indexes_from) continue;
        TRY_STATUS(settle_txn_index(files, load, segment, aborted));
    }
    return {};
}

// A batch boundary at or not far before `wanted`.
Result<std::int64_t> boundary_before(io::FileSystem& files, const ProducerLoad& load, const Segment& segment,
                                     std::int64_t wanted) {
    if (wanted <= 0 || segment.index_entries == 0) return std::int64_t{0};
    const auto index = TRY(open_index(files, load, segment));
    return TRY(lookup_position(*index, segment.base, segment.index_entries, wanted)).position;
}

// The log's last bytes, in as many segments as that takes: a client that lost its connection with the start
// may send again what lies before the last roll.
Status widen_windows(io::FileSystem& files, const ProducerLoad& load, ProducerState& state) {
    if (state.entries().empty()) return {};
    auto first = load.segments.size();
    auto missing = k_window_bytes;
    while (first > 0 && missing > 0) missing -= load.segments[--first].size;
    ProducerState recent;
    for (auto i = first; i < load.segments.size(); ++i) {
        const auto& segment = load.segments[i];
        const auto begin = TRY(boundary_before(files, load, segment, i == first ? -missing : 0));
        (void)TRY(replay_segment(files, load, segment, begin, segment.base, recent));
    }
    state.adopt_windows(recent);
    return {};
}

}  // namespace

Result<ProducerState> load_producers(io::FileSystem& files, const ProducerLoad& load) {
    const auto snapshots = TRY(usable_snapshots(files, load));
    ProducerState state;
    auto from = load.log_start;
    bool found = false;
    for (const auto offset : snapshots) {
        if (offset < load.log_start) break;
        if (offset > snapshots_end(load)) continue;
        auto snapshot = TRY(read_snapshot(files, load, offset));
        if (!snapshot) continue;
        state = std::move(*snapshot);
        from = offset;
        found = true;
        break;
    }
    // Kafka's rule: no snapshot under a clean marker means that there is no state to find.
    if (snapshots.empty() && load.clean) return state;
    const bool is_forgotten =
        from == load.txn_indexes_sound_below && PLANTED_BUG("producers_behind_mark_forgotten");
    if ((from < load.log_end || load.txn_indexes_from) && !is_forgotten)
        TRY_STATUS(replay_from(files, load, from, state));
    if (found && !PLANTED_BUG("duplicate_window_not_restored")) TRY_STATUS(widen_windows(files, load, state));
    state.expire(load.now_ms, load.expiration_ms);
    return state;
}

Status write_snapshot(io::FileSystem& files, const std::string& directory, Offset offset, Bytes snapshot,
                      bool sync) {
    const auto path = segment_path(directory, offset, k_snapshot_extension);
    const auto file = TRY(files.open(path, io::OpenMode::create));
    TRY_STATUS(file->truncate(0));
    TRY_STATUS(file->write_at(0, std::span(&snapshot, 1)));
    FAULT_POINT("producer_snapshot_written");
    return sync ? file->sync_data() : Status{};
}

}  // namespace gregor::storage
