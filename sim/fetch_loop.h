// The fetching half of a consumer: asks for what comes next in its partitions, checks every record it is
// given.
#pragma once

#include <functional>
#include <map>

#include "gen/api/fetch.h"
#include "records/batch.h"
#include "sim/caller.h"
#include "sim/stage.h"

namespace gregor::sim {

class FetchLoop {
public:
    using Positions = std::map<TopicPartition, Offset>;

    FetchLoop(Stage& stage, Caller& caller, Prng prng, std::string name)
        : stage_(stage), caller_(caller), prng_(prng), name_(std::move(name)) {}

    void assign(Positions positions);
    // Nothing else is asked for on this connection, so a fetch may wait long.
    void have_patience() { max_wait_ms_ = 12'000; }
    const Positions& positions() const { return positions_; }
    const std::map<TopicPartition, Offset>& high_watermarks() const { return high_watermarks_; }
    void connection_lost();
    bool is_under_way() const { return under_way_; }
    // Sends one request; `done` follows its answer, not a lost connection.
    void fetch_once(io::Task done);

private:
    // Of KIP-227: what the broker remembers of our last request.
    struct Session {
        std::int32_t id = 0;
        std::int32_t epoch = 0;
        std::int16_t version = 0;
        Positions sent;
    };
    struct Asked {
        std::int16_t version = 0;
        bool in_session = false;
        bool any_byte_will_do = false;
        Instant sent;
        Positions positions;
        std::map<TopicPartition, Offset> floors;  // no high watermark may be below
    };

    Asked fill(msg::FetchRequest& request);
    void fill_session(msg::FetchRequest& request, Asked& asked);
    void add_partition(msg::FetchRequest& request, bool by_id, TopicPartition at, Offset from);
    void forget_partition(msg::FetchRequest& request, bool by_id, TopicPartition at);
    void on_answer(const Asked& asked, const msg::FetchResponse& response);
    bool accept_session(const Asked& asked, const msg::FetchResponse& response);
    void on_partition(const Asked& asked, TopicPartition at, const msg::FetchResponse::PartitionData& data);
    void check_promptness(const Asked& asked, TopicPartition at) const;
    void on_records(TopicPartition at, const Slice& records);
    bool on_batch(TopicPartition at, const records::BatchView& batch, Offset& next);
    void on_high_watermark(const Asked& asked, TopicPartition at, Offset high_watermark);

    Stage& stage_;
    Caller& caller_;
    Prng prng_;
    std::string name_;
    Positions positions_;
    std::map<TopicPartition, Offset> high_watermarks_;
    std::optional<Session> session_;
    bool under_way_ = false;
    std::int64_t max_wait_ms_ = 1'000;
};

}  // namespace gregor::sim
