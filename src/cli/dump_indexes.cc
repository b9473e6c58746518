#include "cli/dump_indexes.h"

#include <fmt/format.h>

#include <array>

#include "cli/time_text.h"
#include "records/batch.h"
#include "storage/checkpoint.h"
#include "storage/index.h"
#include "storage/names.h"
#include "storage/producer_state.h"
#include "storage/txn_index.h"

namespace gregor::cli {
namespace {

Cell number(std::int64_t value) { return value; }

// An index opened: its entries and the first offset of its segment.
struct IndexFile {
    Ref<io::File> file;
    Offset base;
    std::int64_t entries = 0;
};

Result<IndexFile> open_index(io::FileSystem& files, const std::string& path, std::size_t entry_bytes,
                             DumpPrinter& printer) {
    const auto base = storage::offset_of_file(storage::last_component(path));
    if (!base)
        return fail(
            ErrorCode::invalid_request,
            fmt::format("{}: the name of an index begins with the first offset of its segment", path));
    IndexFile index{.file = TRY(files.open(path, io::OpenMode::read)), .base = *base};
    const auto size = TRY(index.file->size());
    const auto entry = static_cast<std::int64_t>(entry_bytes);
    index.entries = size / entry;
    if (size % entry != 0)
        printer.problem(
            fmt::format("the size {} is no multiple of {}: the last entry is cut off", size, entry));
    return index;
}

// Whether a batch of the segment begins at the entry's position and holds its offset.
Status check_entry(io::File& log, const storage::IndexEntry& entry, DumpPrinter& printer) {
    std::array<std::byte, records::k_batch_overhead> bytes{};
    const auto size = TRY(log.read_at(entry.position, bytes));
    const records::BatchView header(bytes);
    const bool is_batch = size == bytes.size() && header.magic() == records::k_magic_v2;
    if (is_batch && header.base_offset() <= entry.offset && entry.offset <= header.last_offset()) return {};
    printer.problem(
        fmt::format("offset {}: no batch with it begins at position {} of the segment; delete the index "
                    "while the broker is stopped, it is built again",
                    entry.offset.value(), entry.position));
    return {};
}

}  // namespace

Status dump_offset_index(io::FileSystem& files, const std::string& path, DumpPrinter& printer) {
    const auto index = TRY(open_index(files, path, storage::k_index_entry_bytes, printer));
    const auto log =
        files.open(storage::segment_path(storage::parent_path(path), index.base, "log"), io::OpenMode::read);
    storage::IndexEntry last{.offset = index.base - 1, .position = -1};
    std::int64_t used = 0;
    for (std::int64_t i = 0; i < index.entries; ++i) {
        const auto entry = TRY(storage::read_index_entry(*index.file, index.base, i));
        if (entry.position == 0 && entry.offset == index.base)
            break;  // zeros: an index that is, or was, open
        ++used;
        printer.row("index",
                    {{"offset", number(entry.offset.value())}, {"position", number(entry.position)}});
        if (entry.offset <= last.offset || entry.position <= last.position)
            printer.problem(fmt::format("entry {} is not behind the one before it", i));
        if (log) TRY_STATUS(check_entry(**log, entry, printer));
        last = entry;
    }
    printer.row("entries", {{"used", number(used)}, {"allocated", number(index.entries)}});
    return {};
}

Status dump_time_index(io::FileSystem& files, const std::string& path, DumpPrinter& printer) {
    const auto index = TRY(open_index(files, path, storage::k_time_entry_bytes, printer));
    storage::TimeEntry last{.timestamp = -1, .offset = index.base - 1};
    std::int64_t used = 0;
    for (std::int64_t i = 0; i < index.entries; ++i) {
        const auto entry = TRY(storage::read_time_entry(*index.file, index.base, i));
        if (entry.timestamp == 0 && entry.offset == index.base) break;
        ++used;
        printer.row("timeindex", {{"timestamp", number(entry.timestamp)},
                                  {"time", time_text(entry.timestamp)},
                                  {"offset", number(entry.offset.value())}});
        if (entry.timestamp <= last.timestamp || entry.offset < last.offset)
            printer.problem(fmt::format("entry {} is not behind the one before it", i));
        last = entry;
    }
    printer.row("entries", {{"used", number(used)}, {"allocated", number(index.entries)}});
    return {};
}

Status dump_transaction_index(io::FileSystem& files, const std::string& path, DumpPrinter& printer) {
    const auto index = TRY(open_index(files, path, storage::k_txn_entry_bytes, printer));
    const auto entries = storage::read_txn_index(files, storage::parent_path(path), index.base);
    if (!entries) {
        printer.problem(entries.error().detail);
        return {};
    }
    Offset last = index.base - 1;
    for (const auto& entry : *entries) {
        printer.row("aborted", {{"producer_id", number(entry.producer_id.value())},
                                {"first_offset", number(entry.first_offset.value())},
                                {"last_offset", number(entry.last_offset.value())},
                                {"last_stable_offset", number(entry.last_stable_offset.value())}});
        if (entry.last_offset <= last || entry.last_offset < entry.first_offset)
            printer.problem(fmt::format("the entry of marker {} is out of order", entry.last_offset.value()));
        last = entry.last_offset;
    }
    return {};
}

Status dump_producer_snapshot(io::FileSystem& files, const std::string& path, DumpPrinter& printer) {
    const auto bytes = TRY(storage::read_text_file(files, path));
    const auto state = storage::ProducerState::decode_snapshot(as_bytes(bytes));
    if (!state) {
        printer.problem(
            fmt::format("the snapshot cannot be read: {}; the broker builds it again from the log",
                        state.error().detail));
        return {};
    }
    for (const auto& [id, entry] : state->entries()) {
        const auto first = entry.current_txn_first_offset;
        printer.row("producer", {{"producer_id", number(id.value())},
                                 {"epoch", number(entry.epoch)},
                                 {"last_sequence", number(entry.last_sequence())},
                                 {"last_offset", number(entry.last_offset().value())},
                                 {"last_time", time_text(entry.last_timestamp)},
                                 {"coordinator_epoch", number(entry.coordinator_epoch)},
                                 {"open_transaction", first.value() < 0 ? Cell() : Cell(first.value())}});
    }
    return {};
}

}  // namespace gregor::cli
