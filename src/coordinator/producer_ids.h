// Producer ids for idempotent producers, handed out of blocks that the controller allocates.
#pragma once

#include <cstdint>
#include <optional>

#include "base/completion.h"
#include "base/ids.h"
#include "base/ref.h"
#include "base/result.h"
#include "io/ports.h"
#include "metadata/controller_channel.h"
#include "metadata/image_source.h"

namespace gregor::coordinator {

// Shard state: each shard has blocks of its own, so that no answer waits for another shard. What is left of a
// block when the node stops is lost, as in Kafka.
class ProducerIds {
public:
    struct Options {
        io::ShardPorts ports;
        BrokerId broker_id;
        metadata::ImageSource& images;  // knows this broker's epoch
        metadata::ControllerChannel& controller;
    };

    explicit ProducerIds(const Options& options);
    ~ProducerIds();
    ProducerIds(const ProducerIds&) = delete;
    ProducerIds& operator=(const ProducerIds&) = delete;

    // The next id. While the next block is on its way: coordinator_load_in_progress, which every client
    // retries (a timeout would kill old ones).
    Result<ProducerId> next();

private:
    struct Block {
        std::int64_t next = 0;
        std::int64_t end = 0;
        std::int64_t size() const { return end - next; }
    };
    struct Anchor;
    struct OnAllocated;

    void request_block();
    void on_allocated(const Result<BufferChain>& answer);
    static Result<Block> parse(const Result<BufferChain>& answer);

    io::ShardPorts ports_;
    BrokerId broker_id_;
    metadata::ImageSource& images_;
    metadata::ControllerChannel& controller_;
    Block current_;
    std::optional<Block> prefetched_;
    std::int64_t current_size_ = 0;
    bool is_requested_ = false;
    Instant may_request_at_;  // after a failure
    Ref<Anchor> anchor_;
};

}  // namespace gregor::coordinator
