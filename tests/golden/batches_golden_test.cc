// Every record set of batches.jsonl.gz: how far our reader comes, what it decodes, what our append check
// says, and whether our builder writes the same bytes. Magic 0 and 1 are framed, not read.
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "golden_lines.h"
#include "records/builder.h"
#include "records/opened_batch.h"
#include "records/validate.h"

namespace gregor::records {
namespace {

using boost::json::object;
using boost::json::value;

std::int64_t number(const object& node, std::string_view name) {
    return node.at(name).to_number<std::int64_t>();
}
std::string text(const object& node, std::string_view name) { return std::string(node.at(name).as_string()); }

std::string hex_or_null(const std::optional<Bytes>& bytes) {
    return bytes ? golden::to_hex({bytes->begin(), bytes->end()}) : "null";
}
std::string hex_or_null(const value& node) { return node.is_null() ? "null" : std::string(node.as_string()); }

struct Read {
    std::string stage;  // empty when all was well
    std::size_t bytes = 0;
    std::vector<BatchView> batches;
    bool legacy = false;
};

Status walk(const BatchView& batch, Decompressor& decompressor) {
    auto opened = TRY(open_batch(batch, decompressor));
    RecordView record;
    while (opened.cursor.next(record))
        if (batch.is_control() && record.key) static_cast<void>(TRY(parse_control_key(record.key)));
    return opened.cursor.status();
}

Read read_all(Bytes bytes) {
    Read read;
    Decompressor decompressor;
    BatchCursor cursor(bytes);
    for (;;) {
        const auto frame = cursor.next();
        if (!frame) return read.stage = "framing", read;
        if (!*frame) return read;
        if ((*frame)->magic != k_magic_v2) return read.legacy = true, read;
        const auto batch = as_v2(**frame);
        if (!batch || !batch->verify()) return read.stage = "batch", read;
        if (!walk(*batch, decompressor)) return read.stage = "records", read;
        read.batches.push_back(*batch);
        read.bytes = cursor.position();
    }
}

void expect_record(const RecordView& record, const BatchView& batch, const object& expected) {
    EXPECT_EQ(record.offset(batch).value(), number(expected, "offset"));
    EXPECT_EQ(record.timestamp(batch), number(expected, "timestamp"));
    EXPECT_EQ(record.sequence(batch), number(expected, "sequence"));
    EXPECT_EQ(hex_or_null(record.key), hex_or_null(expected.at("key")));
    EXPECT_EQ(hex_or_null(record.value), hex_or_null(expected.at("value")));
    if (const auto* type = expected.if_contains("control_type")) {
        EXPECT_EQ(control_type_name(*parse_control_key(record.key)), std::string(type->as_string()));
    }
    const auto* headers = expected.if_contains("headers");
    ASSERT_EQ(record.headers_count, headers == nullptr ? 0 : static_cast<int>(headers->as_array().size()));
    auto cursor = record.headers();
    for (std::size_t i = 0; headers != nullptr && i < headers->as_array().size(); ++i) {
        const auto header = cursor.next();
        ASSERT_TRUE(header);
        const auto& pair = headers->as_array()[i].as_array();
        const auto key = std::string(pair[0].as_string());
        const bool was_utf8 = key.find("\xef\xbf\xbd") == std::string::npos;
        if (was_utf8) {
            EXPECT_EQ(header->key, key);
        }
        EXPECT_EQ(hex_or_null(header->value), hex_or_null(pair[1]));
    }
    EXPECT_FALSE(cursor.next());
}

void expect_header(const BatchView& batch, const object& expected) {
    EXPECT_EQ(batch.base_offset().value(), number(expected, "base_offset"));
    EXPECT_EQ(batch.last_offset().value(), number(expected, "last_offset"));
    EXPECT_EQ(static_cast<std::int64_t>(batch.size()), number(expected, "size"));
    EXPECT_EQ(batch.partition_leader_epoch().value(), number(expected, "partition_leader_epoch"));
    EXPECT_EQ(batch.magic(), number(expected, "magic"));
    EXPECT_EQ(batch.crc(), number(expected, "crc"));
    EXPECT_EQ(codec_name(*batch.codec()), text(expected, "codec"));
    const bool append_time = batch.timestamp_type() == TimestampType::log_append_time;
    EXPECT_EQ(append_time ? "LogAppendTime" : "CreateTime", text(expected, "timestamp_type"));
    EXPECT_EQ(batch.is_transactional(), expected.at("transactional").as_bool());
    EXPECT_EQ(batch.is_control(), expected.at("control").as_bool());
    const auto horizon = batch.delete_horizon_ms();
    EXPECT_EQ(horizon ? value(*horizon) : value(nullptr), expected.at("delete_horizon_ms"));
    EXPECT_EQ(batch.base_timestamp(), number(expected, "base_timestamp"));
    EXPECT_EQ(batch.max_timestamp(), number(expected, "max_timestamp"));
    EXPECT_EQ(batch.producer_id().value(), number(expected, "producer_id"));
    EXPECT_EQ(batch.producer_epoch(), number(expected, "producer_epoch"));
    EXPECT_EQ(batch.base_sequence(), number(expected, "base_sequence"));
    EXPECT_EQ(batch.last_sequence(), number(expected, "last_sequence"));
    EXPECT_EQ(batch.records_count(), number(expected, "count"));
}

void expect_batch(const BatchView& batch, const object& expected) {
    expect_header(batch, expected);
    Decompressor decompressor;
    auto opened = open_batch(batch, decompressor);
    ASSERT_TRUE(opened);
    RecordView record;
    for (const auto& entry : expected.at("records").as_array()) {
        ASSERT_TRUE(opened->cursor.next(record));
        expect_record(record, batch, entry.as_object());
    }
    EXPECT_FALSE(opened->cursor.next(record));
}

TEST(BatchesGolden, ReaderComesAsFarAndDecodesTheSame) {
    std::size_t compared = 0;
    golden::for_each_line("batches.jsonl.gz", [&](const object& line) {
        SCOPED_TRACE(text(line, "name"));
        const auto bytes = golden::from_hex(text(line, "bytes"));
        const auto read = read_all(bytes);
        if (read.legacy) return;
        const auto& reader = line.at("reader").as_object();
        EXPECT_EQ(read.stage, reader.contains("stage") ? text(reader, "stage") : "");
        EXPECT_EQ(static_cast<std::int64_t>(read.bytes), number(reader, "bytes_read"));
        const auto& expected = line.at("batches").as_array();
        ASSERT_EQ(read.batches.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i)
            expect_batch(read.batches[i], expected[i].as_object());
        ++compared;
    });
    EXPECT_EQ(compared, 172U);  // all 164 of v2, and 8 older ones that end at the framing
}

// The code that Kafka's broker makes of the exception that its check threw.
ErrorCode code_of(const std::string& exception) {
    static const std::map<std::string, ErrorCode> codes = {
        {"ok", ErrorCode::none},
        {"CorruptRecordException", ErrorCode::corrupt_message},
        {"InvalidRecordException", ErrorCode::invalid_record},
        {"IllegalArgumentException", ErrorCode::unknown_server_error},
        {"KafkaException", ErrorCode::unknown_server_error},
        {"UnsupportedOperationException", ErrorCode::unknown_server_error}};
    return codes.at(exception);
}

ErrorCode first_bad_checksum(Bytes bytes) {
    BatchCursor cursor(bytes);
    for (;;) {
        const auto batch = cursor.next_v2();
        if (!batch) return batch.error().code;
        if (!*batch) return ErrorCode::none;
        if (const auto sound = (*batch)->verify(); !sound) return sound.error().code;
    }
}

ErrorCode check(Bytes bytes) {
    if (const auto code = first_bad_checksum(bytes); code != ErrorCode::none) return code;
    const auto batch = only_batch(bytes);
    if (!batch) return batch.error().code;
    Decompressor decompressor;
    const ValidationRules rules{.timestamp_after_max_ms = std::numeric_limits<std::int64_t>::max(),
                                .now_ms = 1'800'000'000'000};
    const auto validated = validate_batch(*batch, rules, decompressor);
    return validated ? ErrorCode::none : validated.error().error.code;
}

bool is_legacy(Bytes bytes) {
    return bytes.size() > 16 && (bytes[16] == std::byte{0} || bytes[16] == std::byte{1});
}

TEST(BatchesGolden, AppendCheckSaysTheSame) {
    std::size_t compared = 0;
    golden::for_each_line("batches.jsonl.gz", [&](const object& line) {
        const auto bytes = golden::from_hex(text(line, "bytes"));
        if (is_legacy(bytes)) return;
        EXPECT_EQ(error_name(check(bytes)), error_name(code_of(text(line, "validator"))))
            << text(line, "name");
        ++compared;
    });
    EXPECT_EQ(compared, 164U);
}

Slice rebuild(const BatchView& batch, Codec codec) {
    BatchBuilder builder({.base_offset = batch.base_offset(),
                          .partition_leader_epoch = batch.partition_leader_epoch(),
                          .compression = {.codec = codec},
                          .timestamp_type = batch.timestamp_type(),
                          .log_append_time_ms = batch.max_timestamp(),
                          .producer_id = batch.producer_id(),
                          .producer_epoch = batch.producer_epoch(),
                          .base_sequence = batch.base_sequence(),
                          .transactional = batch.is_transactional(),
                          .control = batch.is_control()});
    Decompressor decompressor;
    auto opened = open_batch(batch, decompressor);
    RecordView record;
    while (opened->cursor.next(record)) {
        std::vector<NewHeader> headers;
        auto cursor = record.headers();
        while (const auto header = cursor.next()) headers.push_back({header->key, header->value});
        const bool append_time = batch.timestamp_type() == TimestampType::log_append_time;
        const auto timestamp =
            append_time ? batch.base_timestamp() + record.timestamp_delta : record.timestamp(batch);
        builder.append_at(
            record.offset(batch),
            {.timestamp = timestamp, .key = record.key, .value = record.value, .headers = headers});
    }
    builder.override_last_offset(batch.last_offset());
    return builder.build();
}

bool is_built_whole(const std::string& name) {
    return name.starts_with("v2-") && name != "v2-unused-attribute-bits" &&
           name != "v2-record-attributes-set" && name != "v2-three-batches";
}

TEST(BatchesGolden, BuilderWritesTheSameBytes) {
    std::size_t compared = 0;
    golden::for_each_line("batches.jsonl.gz", [&](const object& line) {
        const auto name = text(line, "name");
        if (!line.at("valid").as_bool() || !is_built_whole(name)) return;
        SCOPED_TRACE(name);
        const auto bytes = golden::from_hex(text(line, "bytes"));
        const BatchView batch{Bytes(bytes)};
        const auto built = rebuild(batch, *batch.codec());
        ++compared;
        if (!batch.is_compressed()) {
            EXPECT_TRUE(equal(built.bytes(), bytes));
            return;
        }
        // Another library may squeeze differently: what comes out again must be equal.
        EXPECT_TRUE(equal(rebuild(BatchView(built.bytes()), Codec::none).bytes(),
                          rebuild(batch, Codec::none).bytes()));
    });
    EXPECT_EQ(compared, 46U);
}

// Kafka takes half a producer as it came, and does not write it anew.
bool names_a_whole_producer(const BatchView& batch) {
    return batch.producer_id().value() == -1 || (batch.producer_epoch() >= 0 && batch.base_sequence() >= 0);
}

TEST(BatchesGolden, RewrittenBatchesHoldTheSameRecords) {
    std::size_t compared = 0;
    golden::for_each_line("batches.jsonl.gz", [&](const object& line) {
        const auto bytes = golden::from_hex(text(line, "bytes"));
        if (text(line, "validator") != "ok" || is_legacy(bytes)) return;
        const BatchView batch = *only_batch(bytes);
        for (const auto target : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
            if (target == *batch.codec()) continue;
            SCOPED_TRACE(text(line, "name") + " to " + std::string(codec_name(target)));
            Decompressor decompressor;
            const ValidationRules rules{.timestamp_after_max_ms = std::numeric_limits<std::int64_t>::max(),
                                        .target_codec = target,
                                        .now_ms = 1'800'000'000'000};
            const auto validated = validate_batch(batch, rules, decompressor);
            ASSERT_TRUE(validated && validated->rewrite);
            const auto slice =
                rewrite_batch(batch, *validated, rules, Offset{1000}, LeaderEpoch{7}, decompressor);
            ASSERT_EQ(slice.has_value(), names_a_whole_producer(batch));
            if (!slice) continue;
            const BatchView rewritten(slice->bytes());
            EXPECT_TRUE(rewritten.verify());
            EXPECT_EQ(rewritten.base_offset(), Offset{1000});
            EXPECT_EQ(rewritten.records_count(), batch.records_count());
            EXPECT_EQ(rewritten.producer_id(), batch.producer_id());
            EXPECT_EQ(rewritten.max_timestamp(), validated->max_timestamp);
            ++compared;
        }
    });
    EXPECT_GT(compared, 150U);
}

}  // namespace
}  // namespace gregor::records
