// Collects records into a batch for each partition and sends them to the leaders, one request at a time.
//
// A partition that has moved is looked up again and its batch sent again; whatever else a broker refuses is
// an error. Not idempotent: a batch whose answer is lost is reported, never sent twice.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/offsets.h"
#include "cli/session.h"
#include "records/builder.h"

namespace gregor::cli {

struct SendOptions {
    std::string topic;
    std::int16_t acks = -1;
    std::optional<std::int32_t> partition{};  // all records; default by key, or else in turn by batch
    records::CompressionSettings compression{};
    std::size_t batch_bytes = std::size_t{512} << 10U;
};

struct OutgoingRecord {
    std::optional<Bytes> key;
    std::optional<Bytes> value;
    std::span<const records::NewHeader> headers;
};

class BatchSender {
public:
    BatchSender(Session& session, SendOptions options) : session_(session), options_(std::move(options)) {}

    Status open();  // looks the topic up
    // Sends the partition's batch when it is full.
    Status add(const OutgoingRecord& record);
    Status flush();
    // flush(), and for acks=0 waits until the brokers have read everything.
    Status finish();

    bool has_pending() const { return !batches_.empty(); }
    std::uint64_t sent_records() const { return sent_records_; }
    std::uint64_t sent_bytes() const { return sent_bytes_; }

private:
    std::int32_t choose(const OutgoingRecord& record);
    Status send(std::int32_t partition);
    Status send_batch(std::int32_t partition, const Slice& batch);
    Result<ErrorCode> ask(std::int32_t partition, const Slice& batch, std::string& message);
    Result<BrokerId> leader(std::int32_t partition) const;

    Session& session_;
    SendOptions options_;
    TopicInfo topic_;
    std::map<std::int32_t, std::unique_ptr<records::BatchBuilder>> batches_;
    std::int32_t next_partition_ = 0;  // of records without key
    std::uint64_t sent_records_ = 0;
    std::uint64_t sent_bytes_ = 0;
};

}  // namespace gregor::cli
