// Reads partitions of a topic from their leaders and hands out record after record.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "cli/offsets.h"
#include "cli/session.h"
#include "records/compression.h"
#include "records/opened_batch.h"

namespace gregor::cli {

struct ReadRecord {
    std::int32_t partition = 0;
    Offset offset;
    std::int64_t timestamp = 0;
    const records::RecordView& record;
};

struct ReadOptions {
    bool is_committed = false;  // leave out aborted transactions, and what is not decided yet
    bool is_following = false;  // go on at the end
};

class TopicReader {
public:
    // Takes a record; false ends the reading.
    using Taker = std::function<bool(const ReadRecord&)>;

    // `from` and `until` (where not following) hold every partition to read.
    TopicReader(Session& session, TopicInfo topic, ReadOptions options)
        : session_(session), topic_(std::move(topic)), options_(options) {}
    void start(Offsets from, Offsets until);

    bool is_done() const;  // every partition is at its end
    // One round: a fetch from every leader. Sets how far each partition was handed out.
    Status read(const Taker& take);
    // Where to go on.
    const Offsets& positions() const { return positions_; }
    bool was_ended() const { return ended_; }

private:
    msg::FetchRequest request_for(BrokerId leader) const;
    Status take_partition(const msg::FetchResponse::PartitionData& data, const Taker& take);
    Status take_batch(const TopicPartition& key, const records::BatchView& batch, const Taker& take);
    Status refused(const TopicPartition& key, ErrorCode code);
    bool is_aborted(const TopicPartition& key, const records::BatchView& batch);

    // What is known of one partition's aborted transactions: where they begin, and whose are open at the
    // position.
    struct Aborts {
        std::multimap<std::int64_t, std::int64_t> starts;  // first offset, producer id
        std::set<std::int64_t> open;
    };

    Session& session_;
    TopicInfo topic_;
    ReadOptions options_;
    Offsets positions_;
    Offsets until_;
    std::map<TopicPartition, Aborts> aborts_;
    records::Decompressor decompressor_;
    bool ended_ = false;
};

}  // namespace gregor::cli
