#include "records/validate.h"

#include <algorithm>

#include <fmt/format.h>

#include "records/builder.h"
#include "records/opened_batch.h"
#include "records/skipping_cursor.h"

namespace gregor::records {
namespace {

std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// What one record's fields say, from either cursor.
struct RecordFacts {
    std::int64_t timestamp;
    bool has_key;
};

// Checks records one after the other and remembers what is refused.
class RecordChecks {
public:
    RecordChecks(const BatchView& batch, const ValidationRules& rules)
        : rules_(rules),
          base_offset_(batch.base_offset()),
          base_timestamp_(batch.base_timestamp()),
          batch_timestamp_(batch.max_timestamp()),
          batch_has_append_time_(batch.timestamp_type() == TimestampType::log_append_time),
          checks_timestamps_(rules.timestamp_type == TimestampType::create_time) {}

    void check(std::int64_t timestamp_delta, std::int32_t offset_delta, bool has_key) {
        const auto timestamp =
            batch_has_append_time_ ? batch_timestamp_ : wrapping_sum(base_timestamp_, timestamp_delta);
        const auto offset = wrapping_sum(base_offset_.value(), offset_delta);
        in_sequence_ &= offset == index_;
        if (const auto code = verdict({timestamp, has_key}); code != ErrorCode::none) [[unlikely]]
            refuse(code, timestamp);
        max_timestamp_ = std::max(max_timestamp_, timestamp);
        ++index_;
    }

    bool in_sequence() const { return in_sequence_; }
    std::int32_t count() const { return index_; }
    std::int64_t max_timestamp() const { return max_timestamp_; }
    std::optional<ValidationError> error();

private:
    ErrorCode verdict(const RecordFacts& record) const;
    void refuse(ErrorCode code, std::int64_t timestamp);

    const ValidationRules& rules_;
    const Offset base_offset_;
    const std::int64_t base_timestamp_;
    const std::int64_t batch_timestamp_;
    const bool batch_has_append_time_;
    const bool checks_timestamps_;
    bool in_sequence_ = true;
    bool timestamp_refused_ = false;
    std::int32_t index_ = 0;
    std::int32_t refused_ = 0;
    std::int64_t max_timestamp_ = k_no_timestamp;
    std::vector<RecordError> errors_;
};

ErrorCode RecordChecks::verdict(const RecordFacts& record) const {
    if (rules_.compacted && !record.has_key) return ErrorCode::invalid_record;
    if (checks_timestamps_ && record.timestamp != k_no_timestamp) {
        const auto age = wrapping_difference(rules_.now_ms, record.timestamp);
        const bool out_of_bounds = age > rules_.timestamp_before_max_ms ||
                                   wrapping_difference(0, age) > rules_.timestamp_after_max_ms;
        return out_of_bounds ? ErrorCode::invalid_timestamp : ErrorCode::none;
    }
    return batch_has_append_time_ ? ErrorCode::invalid_timestamp : ErrorCode::none;
}

void RecordChecks::refuse(ErrorCode code, std::int64_t timestamp) {
    ++refused_;
    timestamp_refused_ |= code == ErrorCode::invalid_timestamp;
    if (errors_.size() == k_record_errors_max) return;
    auto message = code == ErrorCode::invalid_record
                       ? std::string("A compacted topic takes no record without a key")
                   : checks_timestamps_ && timestamp != k_no_timestamp
                       ? fmt::format("Timestamp {} is not within [{}, {}]", timestamp,
                                     wrapping_difference(rules_.now_ms, rules_.timestamp_before_max_ms),
                                     wrapping_sum(rules_.now_ms, rules_.timestamp_after_max_ms))
                       : std::string("A producer must not set the timestamp type LogAppendTime");
    errors_.push_back({index_, code, std::move(message)});
}

std::optional<ValidationError> RecordChecks::error() {
    if (refused_ == 0) return std::nullopt;
    const auto code = timestamp_refused_ ? ErrorCode::invalid_timestamp : ErrorCode::invalid_record;
    auto detail = fmt::format("{} of {} records were refused: record {}: {}", refused_, index_,
                              errors_.front().batch_index, errors_.front().message);
    return ValidationError{{code, std::move(detail)}, std::move(errors_)};
}

std::unexpected<ValidationError> refuse_batch(Error error) {
    return std::unexpected(ValidationError{std::move(error), {}});
}

Status check_client_header(const BatchView& batch) {
    const auto offsets = std::int64_t{batch.last_offset_delta()} + 1;
    const auto count = batch.records_count();
    if (offsets <= 0 || count <= 0 || offsets != count)
        return fail(ErrorCode::invalid_record,
                    fmt::format("batch of {} records spans {} offsets", count, offsets));
    if (batch.is_control()) return fail(ErrorCode::invalid_record, "clients may not write control records");
    if (batch.has_producer_id() && batch.base_sequence() < 0)
        return fail(ErrorCode::invalid_record,
                    fmt::format("batch of producer {} has the sequence {}", batch.producer_id().value(),
                                batch.base_sequence()));
    return {};
}

Status check_records(RecordCursor cursor, RecordChecks& checks) {
    RecordView record;
    while (cursor.next(record))
        checks.check(record.timestamp_delta, record.offset_delta, record.key.has_value());
    return cursor.status();
}

// A batch that keeps its codec is walked without holding what it inflates to.
Status check_inflating(const BatchView& batch, const ValidationRules& rules, Decompressor& decompressor,
                       RecordChecks& checks) {
    if (batch.records_count() < 0) return to_status(RecordFault::negative_count);
    if (batch.records_count() == 0) return {};
    TRY_STATUS(decompressor.start(*batch.codec(), batch.records(), rules.inflated_bytes_max));
    SkippingCursor cursor(decompressor, batch.records_count(), rules.inflated_bytes_max);
    SkippedRecord record;
    while (cursor.next(record)) checks.check(record.timestamp_delta, record.offset_delta, record.has_key);
    if (cursor.error()) return std::unexpected(*cursor.error());
    return {};
}

Status check_all_records(const BatchView& batch, const ValidationRules& rules, Codec target,
                         Decompressor& decompressor, RecordChecks& checks) {
    const auto source = *batch.codec();
    if (source == Codec::none) return check_records(RecordCursor(batch), checks);
    if (source == target) return check_inflating(batch, rules, decompressor, checks);
    const auto opened = TRY(open_batch(batch, decompressor, {.bytes_max = rules.inflated_bytes_max}));
    return check_records(opened.cursor, checks);
}

bool keeps_codec(const BatchView& batch, Codec source, Codec target) {
    return source == target || (source == Codec::none && batch.is_control());
}

Error unknown_codec(const BatchView& batch) {
    return {ErrorCode::unknown_server_error, fmt::format("unknown codec {}", batch.codec_bits())};
}

// Seen at the peer: what is written anew says a whole producer, or -1 for none. Other negative ids, which
// count as none where a batch stays as it came, do not pass here.
Status check_written_producer(const BatchView& batch) {
    if (batch.producer_id() == k_no_producer_id) return {};
    if (batch.producer_epoch() != k_no_producer_epoch && batch.base_sequence() >= 0) return {};
    return fail(ErrorCode::unknown_server_error,
                fmt::format("a batch of producer {} epoch {} sequence {} cannot be written anew",
                            batch.producer_id().value(), batch.producer_epoch(), batch.base_sequence()));
}

}  // namespace

Result<BatchView> only_batch(Bytes record_set) {
    BatchCursor cursor(record_set);
    const auto first = TRY(cursor.next());
    if (!first)
        return fail(ErrorCode::invalid_record, "a partition of a Produce request needs one record batch");
    if (first->magic != k_magic_v2)
        return fail(ErrorCode::invalid_record, fmt::format("record batch of magic {}, not 2", first->magic));
    const auto second = TRY(cursor.next());
    if (second)
        return fail(ErrorCode::invalid_record,
                    "a partition of a Produce request takes only one record batch");
    return as_v2(*first);
}

Status check_appendable(const BatchView& batch, AppendOrigin origin, std::size_t batch_bytes_max) {
    if (origin == AppendOrigin::client && batch.base_offset() != Offset{0})
        return fail(ErrorCode::invalid_record,
                    fmt::format("base offset of a produced batch is {}, not 0", batch.base_offset().value()));
    if (batch.size() > batch_bytes_max)
        return fail(
            ErrorCode::message_too_large,
            fmt::format("record batch of {} bytes is over the limit of {}", batch.size(), batch_bytes_max));
    TRY_STATUS(batch.verify());
    if (!batch.codec()) return std::unexpected(unknown_codec(batch));
    return {};
}

std::expected<ValidatedBatch, ValidationError> validate_batch(const BatchView& batch,
                                                              const ValidationRules& rules,
                                                              Decompressor& decompressor) {
    ASSERT(rules.origin != AppendOrigin::replication);
    const auto source = batch.codec();
    if (!source) return refuse_batch(unknown_codec(batch));
    const auto target = rules.target_codec.value_or(*source);
    if (rules.origin == AppendOrigin::client)
        if (auto header = check_client_header(batch); !header) return refuse_batch(std::move(header).error());

    RecordChecks checks(batch, rules);
    if (auto walked = check_all_records(batch, rules, target, decompressor, checks); !walked)
        return refuse_batch(std::move(walked).error());
    if (auto refused = checks.error()) return std::unexpected(*std::move(refused));
    // Kafka means to rebuild such a batch, but has skipped the keys and values it would need, and fails.
    if (*source != Codec::none && *source == target && !checks.in_sequence())
        return refuse_batch(
            {ErrorCode::unknown_server_error, "compressed records are not numbered 0, 1, 2, ..."});

    const bool append_time = rules.timestamp_type == TimestampType::log_append_time;
    const bool rewrite = !keeps_codec(batch, *source, target);
    return ValidatedBatch{.rewrite = rewrite,
                          .records_count = checks.count(),
                          .codec = rewrite ? target : *source,
                          .timestamp_type = rules.timestamp_type,
                          .max_timestamp = append_time ? rules.now_ms : checks.max_timestamp()};
}

void stamp_batch(MutableBatch batch, const ValidatedBatch& validated, Offset first_offset,
                 LeaderEpoch epoch) {
    ASSERT(!validated.rewrite);
    const auto last_offset = first_offset + validated.records_count - 1;
    batch.set_base_offset(last_offset - batch.view().last_offset_delta());
    batch.set_partition_leader_epoch(epoch);
    batch.set_max_timestamp(validated.timestamp_type, validated.max_timestamp);
}

Result<Slice> rewrite_batch(const BatchView& batch, const ValidatedBatch& validated,
                            const ValidationRules& rules, Offset first_offset, LeaderEpoch epoch,
                            Decompressor& decompressor) {
    TRY_STATUS(check_written_producer(batch));
    auto opened = TRY(open_batch(batch, decompressor, {.bytes_max = rules.inflated_bytes_max}));
    BatchBuilder builder({.base_offset = first_offset,
                          .partition_leader_epoch = epoch,
                          .compression = {.codec = validated.codec, .level = rules.target_level},
                          .timestamp_type = validated.timestamp_type,
                          .log_append_time_ms = validated.max_timestamp,
                          .producer_id = batch.producer_id(),
                          .producer_epoch = batch.producer_epoch(),
                          .base_sequence = batch.base_sequence(),
                          .transactional = batch.is_transactional()});
    RecordView record;
    while (opened.cursor.next(record)) {
        const auto timestamp = record.timestamp(batch);
        if (timestamp < 0 && timestamp != k_no_timestamp)  // fine where records stay as they came
            return fail(ErrorCode::unknown_server_error,
                        fmt::format("a record of the time {} cannot be written anew", timestamp));
        builder.append_copy(record, timestamp);
    }
    TRY_STATUS(opened.cursor.status());
    if (builder.empty()) return fail(ErrorCode::invalid_record, "a batch without records is not rewritten");
    return builder.build();
}

}  // namespace gregor::records
