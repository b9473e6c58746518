// What the transaction coordinator's tests run on: test_world.h's loop and log, an image, a controller that
// hands out producer ids, and partitions that take markers or refuse them. Test code only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/test_world.h"
#include "coordinator/txn_coordinator.h"
#include "gen/api/allocate_producer_ids.h"
#include "metadata/controller_channel.h"
#include "protocol/writer.h"

namespace gregor::coordinator {

class TestImages final : public metadata::ImageSource {
public:
    Ref<const metadata::Image> current() const override { return image_; }
    void set(metadata::ClusterState state) {
        image_ = Ref<const metadata::Image>(new metadata::Image(std::move(state), {}, "cluster"));
    }

private:
    Ref<const metadata::Image> image_ = metadata::Image::empty("cluster");
};

// Blocks of 1,000 ids from 1000 on.
class TestController final : public metadata::ControllerChannel {
public:
    explicit TestController(TestLoop& loop) : loop_(loop) {}
    void request(metadata::ForwardedRequest, Completion<Result<BufferChain>> done) override {
        msg::AllocateProducerIdsResponse response;
        response.producer_id_start = next_;
        response.producer_id_len = 1'000;
        next_ += 1'000;
        protocol::Writer writer;
        response.encode(writer, msg::AllocateProducerIdsRequest::k_max_version);
        loop_.post([done = std::move(done), chain = writer.take()]() mutable { done(std::move(chain)); });
    }

private:
    TestLoop& loop_;
    std::int64_t next_ = 1'000;
};

class TestMarkers final : public MarkerWriter {
public:
    explicit TestMarkers(TestLoop& loop) : loop_(loop) {}
    void write(const TransactionEnd& end, const std::vector<TxnPartition>& partitions,
               Completion<std::vector<ErrorCode>> done) override {
        std::vector<ErrorCode> errors;
        for (const auto& at : partitions) {
            const auto failing = errors_.find(at);
            errors.push_back(failing == errors_.end() ? ErrorCode::none : failing->second);
            on_write(end, at, errors.back());
        }
        loop_.post(
            [done = std::move(done), errors = std::move(errors)]() mutable { done(std::move(errors)); });
    }
    void set_error(const TxnPartition& at, ErrorCode error) { errors_[at] = error; }

    std::move_only_function<void(const TransactionEnd&, const TxnPartition&, ErrorCode)> on_write;

private:
    TestLoop& loop_;
    std::map<TxnPartition, ErrorCode> errors_;
};

// A broker that leads all partitions of __transaction_state. The first shard answers the tests.
class TxnTestWorld {
public:
    struct Options {
        TxnConfig config;
        std::int32_t partitions = 1;
        std::uint32_t shards = 1;
    };

    explicit TxnTestWorld(const Options& options)
        : loop(options.shards),
          log(loop),
          markers(loop),
          placement_(options.partitions, options.shards),
          controller_(loop),
          options_(options) {
        set_version(2);
        for (std::uint32_t shard = 0; shard < options.shards; ++shard) add_shard(ShardId{shard});
        std::vector<TxnCoordinator*> shards;
        for (const auto& coordinator : coordinators_) shards.push_back(coordinator.get());
        for (auto* coordinator : shards) coordinator->connect(shards);
        // The first question for an id only sends for a block of them.
        for (const auto& ids : producer_ids_) (void)ids->next();
        loop.run_ready();
    }
    ~TxnTestWorld() {
        const AbandonScope abandon;
        coordinators_.clear();
    }

    TxnCoordinator& transactions() { return *coordinators_.front(); }
    TxnCoordinator& owner_of(PartitionIndex partition) {
        return *coordinators_[placement_.owner(partition)->value()];
    }
    void elect() {
        ++epoch_;
        for (std::int32_t i = 0; i < options_.partitions; ++i) {
            const PartitionIndex index{i};
            owner_of(index).on_elected({k_topic_id, index}, LeaderEpoch{epoch_});
        }
    }
    void resign() {
        for (std::int32_t i = 0; i < options_.partitions; ++i)
            owner_of(PartitionIndex{i}).on_resigned(PartitionIndex{i});
    }
    void settle() {
        loop.run_ready();
        for (const auto& coordinator : coordinators_) coordinator->check_invariants();
    }
    void set_version(std::int16_t level) {
        state_.features.set("transaction.version", level);
        images.set(state_);
    }
    void add_topic(const std::string& name, std::int32_t partitions) {
        auto topic = make_ref<metadata::Topic>(name, Uuid{7, ++last_topic_});
        for (std::int32_t i = 0; i < partitions; ++i) topic->partitions.set(PartitionIndex{i}, {});
        state_.topics_by_name.set(name, Ref<const metadata::Topic>(topic));
        images.set(state_);
    }
    void remove_topic(const std::string& name) {
        state_.topics_by_name.erase(name);
        images.set(state_);
    }

private:
    static constexpr Uuid k_topic_id{13, 14};

    void add_shard(ShardId shard) {
        const io::ShardPorts ports{shard, loop, loop, loop, loop, disk_, network_};
        producer_ids_.push_back(std::make_unique<ProducerIds>(ProducerIds::Options{
            .ports = ports, .broker_id = BrokerId{1}, .images = images, .controller = controller_}));
        coordinators_.push_back(
            std::make_unique<TxnCoordinator>(TxnCoordinator::Options{.config = options_.config,
                                                                     .ports = ports,
                                                                     .writer = log,
                                                                     .placement = placement_,
                                                                     .images = images,
                                                                     .markers = markers,
                                                                     .producer_ids = *producer_ids_.back()}));
    }

public:
    TestLoop loop;
    TestLog log;
    TestMarkers markers;
    TestImages images;

private:
    TestPlacement placement_;
    TestController controller_;
    const Options options_;
    NoDisk disk_;
    NoNetwork network_;
    metadata::ClusterState state_;
    std::uint64_t last_topic_ = 0;
    std::vector<std::unique_ptr<ProducerIds>> producer_ids_;
    std::vector<std::unique_ptr<TxnCoordinator>> coordinators_;
    std::int32_t epoch_ = 0;
};

}  // namespace gregor::coordinator
