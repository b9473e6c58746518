#include "cli/dump_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/record_format.h"
#include "cli/time_text.h"
#include "metadata/record_codec.h"
#include "protocol/catalogue.h"
#include "records/control.h"
#include "records/opened_batch.h"
#include "storage/names.h"
#include "storage/segment_scanner.h"

namespace gregor::cli {
namespace {

constexpr std::size_t k_batch_bytes_max = std::size_t{256} << 20U;

Cell number(std::int64_t value) { return value; }
Cell number_or_none(std::int64_t value) { return value < 0 ? Cell() : Cell(value); }

// Text as it is, other bytes by their size.
Cell bytes_cell(const std::optional<Bytes>& bytes) {
    if (!bytes) return {};
    const auto text = as_text(*bytes);
    return is_utf8(text) ? std::string(text) : fmt::format("({} bytes)", text.size());
}

// What a metadata record says, as JSON.
Result<std::string> metadata_json(Bytes value) {
    auto frame = TRY(metadata::open_record(value));
    const auto rows = protocol::catalogue();
    const auto row = std::ranges::find_if(rows, [&frame](const protocol::CatalogueRow& candidate) {
        // The log of tiered storage numbers its records from 0, too.
        const bool is_elsewhere = candidate.name.starts_with("Remote");
        return candidate.kind == protocol::MessageKind::record && candidate.key == frame.key && !is_elsewhere;
    });
    if (row == rows.end() || frame.version < row->min_version || frame.version > row->max_version)
        return fail(ErrorCode::unsupported_version,
                    fmt::format("a metadata record of type {} and version {} is not known", frame.key,
                                frame.version));
    const auto message = row->make();
    message->decode(frame.body, frame.version);
    if (!frame.body.finished())
        return fail(ErrorCode::corrupt_message,
                    fmt::format("a {} that cannot be read: {}", row->name, frame.body.why()));
    return fmt::format("{{\"type\":\"{}\",\"version\":{},\"data\":{}}}", row->name, frame.version,
                       message->describe(frame.version, {}));
}

class LogDump {
public:
    LogDump(io::File& file, const DumpLogOptions& options, DumpPrinter& printer)
        : file_(file), options_(options), printer_(printer) {}

    Status run(std::optional<Offset> segment_base) {
        const auto size = TRY(file_.size());
        storage::SegmentScanner scanner(file_, 0, size);
        next_ = segment_base.value_or(Offset{0});
        while (TRY(scanner.next())) TRY_STATUS(batch(scanner));
        if (end_ < size)
            printer_.problem(
                fmt::format("position {}: {} bytes up to the end are no batch: a write that was cut off, "
                            "which the broker removes at its next start, or preallocated space",
                            end_, size - end_));
        printer_.row(
            "log",
            {{"batches", number(batches_)}, {"next_offset", number(next_.value())}, {"bytes", number(size)}});
        return {};
    }

private:
    Status batch(storage::SegmentScanner& scanner) {
        const auto& found = scanner.batch();
        ++batches_;
        end_ = found.end();
        const bool is_valid = TRY(scanner.checksum_matches());
        if (found.magic == records::k_magic_v2)
            print(found, scanner.header());
        else
            printer_.row("batch", {{"base_offset", number(found.base.value())},
                                   {"last_offset", number(found.last.value())},
                                   {"position", number(found.position)},
                                   {"size", number(found.size)},
                                   {"magic", number(found.magic)}});
        if (!is_valid) complain(found, "the checksum is wrong: its records cannot be trusted");
        if (found.base < next_)
            complain(found, fmt::format("offset {} is below {}, where the log had come to",
                                        found.base.value(), next_.value()));
        if (found.last < found.base) complain(found, "its last offset is below its first");
        if (found.epoch < epoch_)
            complain(found, fmt::format("leader epoch {} is below {}", found.epoch.value(), epoch_.value()));
        next_ = std::max(next_, found.last + 1);
        epoch_ = std::max(epoch_, found.epoch);
        if (is_valid && options_.with_records && found.magic == records::k_magic_v2)
            return records_of(scanner);
        return {};
    }

    void complain(const storage::ScannedBatch& batch, std::string_view what) {
        printer_.problem(fmt::format("position {}, offset {}: {}", batch.position, batch.base.value(), what));
    }

    void print(const storage::ScannedBatch& found, const records::BatchView& header) {
        const auto codec = header.codec();
        printer_.row("batch", {{"base_offset", number(found.base.value())},
                               {"last_offset", number(found.last.value())},
                               {"count", number(header.records_count())},
                               {"position", number(found.position)},
                               {"size", number(found.size)},
                               {"leader_epoch", number_or_none(found.epoch.value())},
                               {"codec", std::string(codec ? records::codec_name(*codec) : "unknown")},
                               {"max_timestamp", time_text(header.max_timestamp())},
                               {"producer_id", number_or_none(header.producer_id().value())},
                               {"producer_epoch", number_or_none(header.producer_epoch())},
                               {"base_sequence", number_or_none(header.base_sequence())},
                               {"transactional", header.is_transactional()},
                               {"control", header.is_control()}});
    }

    Status records_of(storage::SegmentScanner& scanner) {
        const auto bytes = TRY(scanner.whole(k_batch_bytes_max));
        if (!bytes) return complain(scanner.batch(), "too large to be opened"), Status{};
        const records::BatchView view(*bytes);
        auto opened = records::open_batch(view, decompressor_, {.bytes_max = k_batch_bytes_max});
        if (!opened)
            return complain(scanner.batch(), "cannot be decompressed: " + opened.error().detail), Status{};
        records::RecordView record;
        while (opened->cursor.next(record)) print_record(view, record);
        if (const auto status = opened->cursor.status(); !status)
            complain(scanner.batch(), "its records cannot be read: " + status.error().detail);
        return {};
    }

    void print_record(const records::BatchView& view, const records::RecordView& record) {
        std::vector<DumpPrinter::Field> fields{{"offset", number(record.offset(view).value())},
                                               {"time", time_text(record.timestamp(view))}};
        if (view.is_control()) {
            const auto type = records::parse_control_key(record.key);
            fields.emplace_back("type", std::string(type ? records::control_type_name(*type) : "unknown"));
            return printer_.row("control", fields);
        }
        if (options_.is_metadata && record.value) {
            const auto json = metadata_json(*record.value);
            if (json) return printer_.row_with_json("record", fields, *json);
            return printer_.problem(
                fmt::format("offset {}: {}", record.offset(view).value(), json.error().detail));
        }
        fields.emplace_back("headers", number(record.headers_count));
        fields.emplace_back("key", bytes_cell(record.key));
        fields.emplace_back("value", bytes_cell(record.value));
        printer_.row("record", fields);
    }

    io::File& file_;
    const DumpLogOptions& options_;
    DumpPrinter& printer_;
    records::Decompressor decompressor_;
    Offset next_;
    LeaderEpoch epoch_ = k_no_leader_epoch;
    std::int64_t end_ = 0;
    std::int64_t batches_ = 0;
};

}  // namespace

Status dump_log(io::FileSystem& files, const std::string& path, const DumpLogOptions& options,
                DumpPrinter& printer) {
    const auto file = TRY(files.open(path, io::OpenMode::read));
    const auto name = storage::last_component(path);
    const auto base = name.ends_with(".log") ? storage::offset_of_file(name) : std::nullopt;
    return LogDump(*file, options, printer).run(base);
}

}  // namespace gregor::cli
