#include "raft/snapshot.h"

#include <fmt/format.h>

#include "raft/control_records.h"
#include "records/batch.h"
#include "records/builder.h"
#include "records/compression.h"
#include "records/control.h"
#include "records/record.h"

namespace gregor::raft {
namespace {

using records::ControlType;

std::unexpected<Error> corrupt(std::string why) {
    return fail(ErrorCode::corrupt_message, "the snapshot is damaged: " + std::move(why));
}

// Takes batch after batch, in order.
class SnapshotReader {
public:
    explicit SnapshotReader(const Slice& file) : file_(file) {}

    Status batch(const records::BatchView& batch) {
        if (const auto verified = batch.verify(); !verified) return corrupt(verified.error().detail);
        if (batch.base_offset() != next_) return corrupt(fmt::format("no batch at offset {}", next_.value()));
        if (footer_seen_) return corrupt("batches behind the footer");
        if (batch.is_compressed()) return corrupt("a compressed batch");
        next_ = batch.next_offset();
        records::RecordCursor cursor(batch);
        records::RecordView record;
        while (cursor.next(record)) TRY_STATUS(batch.is_control() ? control(record) : data(record));
        return cursor.status();
    }

    Result<SnapshotContent> finish() {
        if (!header_seen_) return corrupt("it is empty");
        if (!footer_seen_) return corrupt("the footer is missing");
        return std::move(content_);
    }

private:
    Status data(const records::RecordView& record) {
        if (!header_seen_) return corrupt("the header is missing");
        if (!record.value) return corrupt("a record without value");
        const auto from = static_cast<std::size_t>(record.value->data() - file_.data());
        content_.records.push_back(file_.subslice(from, record.value->size()));
        return {};
    }

    Status control(const records::RecordView& record) {
        const auto type = TRY(records::parse_control_key(record.key));
        const auto value = record.value.value_or(Bytes{});
        if (!header_seen_ && type != ControlType::snapshot_header) return corrupt("the header is missing");
        switch (type) {
            case ControlType::snapshot_header:
                content_.last_contained_timestamp = TRY(decode_snapshot_header(value));
                header_seen_ = true;
                return {};
            case ControlType::snapshot_footer: footer_seen_ = true; return {};
            case ControlType::kraft_version:
                content_.kraft_version = TRY(decode_kraft_version(value));
                return {};
            case ControlType::kraft_voters: content_.voters = TRY(decode_voters(value)); return {};
            case ControlType::leader_change:
            case ControlType::abort:
            case ControlType::commit:
            case ControlType::unknown: return {};
        }
        return {};
    }

    const Slice& file_;
    SnapshotContent content_;
    Offset next_{0};
    bool header_seen_ = false;
    bool footer_seen_ = false;
};

}  // namespace

records::BatchBuilder SnapshotWriter::begin(bool control) const {
    return records::BatchBuilder(
        {.base_offset = next_, .partition_leader_epoch = options_.epoch, .control = control});
}

void SnapshotWriter::finish(records::BatchBuilder& batch) {
    next_ = batch.next_offset();
    out_.append(batch.build());
}

void SnapshotWriter::header(const SnapshotContent& content) {
    auto batch = begin(true);
    batch.append_control(ControlType::snapshot_header, options_.now_ms,
                         encode_snapshot_header(content.last_contained_timestamp).bytes());
    if (content.kraft_version) {
        batch.append_control(ControlType::kraft_version, options_.now_ms,
                             encode_kraft_version(*content.kraft_version).bytes());
    }
    if (content.voters) {
        batch.append_control(ControlType::kraft_voters, options_.now_ms,
                             encode_voters(*content.voters).bytes());
    }
    finish(batch);
}

void SnapshotWriter::append(Bytes value) {
    const records::NewRecord record{.timestamp = options_.now_ms, .value = value};
    if (data_ && data_->uncompressed_size() + records::record_size_max(record) > options_.batch_bytes_max)
        finish_data();
    if (!data_) data_ = begin(false);
    data_->append(record);
}

void SnapshotWriter::finish_data() {
    if (data_) finish(*data_);
    data_.reset();
}

void SnapshotWriter::footer() {
    finish_data();
    auto batch = begin(true);
    batch.append_control(ControlType::snapshot_footer, options_.now_ms, encode_snapshot_footer().bytes());
    finish(batch);
}

BufferChain write_snapshot(const SnapshotContent& content, const SnapshotWriteOptions& options) {
    SnapshotWriter writer(options);
    writer.header(content);
    for (const auto& record : content.records) writer.append(record.bytes());
    writer.footer();
    return writer.take();
}

Result<SnapshotContent> read_snapshot(const Slice& file) {
    SnapshotReader reader(file);
    records::BatchCursor cursor(file.bytes());
    while (true) {
        const auto batch = TRY(cursor.next_v2());
        if (!batch) break;
        TRY_STATUS(reader.batch(*batch));
    }
    if (cursor.position() != file.size()) return corrupt("it ends inside a batch");
    return reader.finish();
}

}  // namespace gregor::raft
