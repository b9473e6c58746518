// The .checkpoint format: record batches, the first control batch starting with a SnapshotHeader, the last
// one holding the SnapshotFooter, offsets from 0.
//
//   snapshot := control(SnapshotHeader [KRaftVersion] [Voters]) data* control(SnapshotFooter)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "records/builder.h"

namespace gregor::raft {

struct VoterEndpoint {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    friend bool operator==(const VoterEndpoint&, const VoterEndpoint&) = default;
};

struct Voter {
    BrokerId id;
    Uuid directory_id;
    std::vector<VoterEndpoint> endpoints;
    std::int16_t min_kraft_version = 0;
    std::int16_t max_kraft_version = 1;
    friend bool operator==(const Voter&, const Voter&) = default;
};
using VoterSet = std::vector<Voter>;  // by id

struct SnapshotContent {
    std::int64_t last_contained_timestamp = 0;
    std::optional<std::int16_t> kraft_version;
    std::optional<VoterSet> voters;
    std::vector<Slice> records;  // values of the data records, in order
};

struct SnapshotWriteOptions {
    LeaderEpoch epoch{0};
    std::int64_t now_ms = 0;
    std::size_t batch_bytes_max = std::size_t{8} << 20U;
};

// Makes the file batch after batch, numbering their records: header, records, footer.
class SnapshotWriter {
public:
    explicit SnapshotWriter(const SnapshotWriteOptions& options) : options_(options) {}

    void header(const SnapshotContent& content);  // all of it but its records
    void append(Bytes value);
    void footer();
    BufferChain take() { return std::exchange(out_, {}); }  // the batches that are complete, once

private:
    records::BatchBuilder begin(bool control) const;
    void finish(records::BatchBuilder& batch);
    void finish_data();

    const SnapshotWriteOptions options_;
    std::optional<records::BatchBuilder> data_;
    Offset next_{0};
    BufferChain out_;
};

BufferChain write_snapshot(const SnapshotContent& content, const SnapshotWriteOptions& options);

// Checks every batch (checksum, offsets, header first, footer last). `records` are views into `file`.
Result<SnapshotContent> read_snapshot(const Slice& file);

}  // namespace gregor::raft
