// What the coordinator's tests run on: one thread that plays every shard, a clock that jumps, and a log that
// is a list of batches and commits, delays or fails as told. Test code only.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "coordinator/group_coordinator.h"
#include "coordinator/partition_writer.h"
#include "io/ports.h"

namespace gregor::coordinator {

// Tasks and timers of all shards in one queue.
class TestLoop final : public io::Clock, public io::Random, public io::Executor, public io::Shards {
public:
    explicit TestLoop(std::uint32_t shards) : shards_(shards) {}

    Instant now() const override { return now_; }
    std::int64_t wall_clock_ms() const override { return k_epoch_ms + (now_ - Instant()).to_millis(); }
    std::uint64_t next() override { return prng_.next(); }
    void post(io::Task task) override { tasks_.push_back(std::move(task)); }
    io::TimerId call_at(Instant when, io::Task task) override {
        const io::TimerId id{next_timer_++};
        timers_.emplace(std::pair(when, id.value), std::move(task));
        return id;
    }
    void cancel(io::TimerId timer) override {
        std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer.value; });
    }
    std::uint32_t count() const override { return shards_; }
    void submit(ShardId, io::Task task) override { post(std::move(task)); }

    void run_ready() {
        while (!tasks_.empty()) {
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            task();
        }
    }
    void advance(Duration span) {
        const auto until = now_ + span;
        run_ready();
        while (!timers_.empty() && timers_.begin()->first.first <= until) {
            auto node = timers_.extract(timers_.begin());
            now_ = std::max(now_, node.key().first);
            node.mapped()();
            run_ready();
        }
        now_ = until;
    }
    std::size_t timers() const { return timers_.size(); }

private:
    static constexpr std::int64_t k_epoch_ms = 1'700'000'000'000;
    std::uint32_t shards_;
    Instant now_;
    Prng prng_{7};
    std::deque<io::Task> tasks_;
    std::map<std::pair<Instant, std::uint64_t>, io::Task> timers_;
    std::uint64_t next_timer_ = 1;
};

class NoDisk final : public io::Disk {
public:
    io::DiskLane new_lane(io::LaneUse) override { UNREACHABLE(); }
    void submit(io::DiskLane, std::unique_ptr<io::DiskJob>) override { UNREACHABLE(); }
};

class NoNetwork final : public io::Network {
public:
    Result<std::uint16_t> listen(std::uint32_t, const io::Endpoint&) override { UNREACHABLE(); }
    void stop_listening(std::uint32_t) override { UNREACHABLE(); }
    void set_accept_handler(io::AcceptHandler&) override { UNREACHABLE(); }
    void connect(const io::Endpoint&, io::ConnectHandler&) override { UNREACHABLE(); }
};

// The logs of all partitions. A batch is in the log at once; its append completes when it is committed.
class TestLog final : public PartitionWriter {
public:
    explicit TestLog(TestLoop& loop) : loop_(loop) {}

    void append(TopicPartitionId partition, LeaderEpoch, CoordinatorBatch written,
                Completion<Result<AppendedRange>> done) override {
        const auto& batch = written.bytes;
        if (fail_next_) {
            const auto code = *std::exchange(fail_next_, std::nullopt);
            return loop_.post([done = std::move(done), code]() mutable { done(fail(code)); });
        }
        auto& log = logs_[partition.partition];
        const Offset base{static_cast<std::int64_t>(log.size())};
        log.push_back(batch);
        if (on_append) on_append(batch);
        waiting_.push_back({.range = {base, base + 1}, .done = std::move(done)});
        if (!holds_) commit_all();
    }
    void load(TopicPartitionId partition, LeaderEpoch, Ref<LoadTarget> target) override {
        loads_.push_back({.partition = partition.partition, .target = std::move(target)});
        if (!holds_loads_) release_loads();
    }
    std::size_t max_batch_bytes(TopicPartitionId) const override { return max_batch_bytes_; }
    Status check(TopicPartitionId, LeaderEpoch, const TransactionStamp&) const override { return refusal_; }
    Status check(TopicPartitionId, LeaderEpoch, const TransactionEnd&) const override { return refusal_; }
    // What the log thinks of every producer from now on.
    void refuse_producers(Status refusal) { refusal_ = std::move(refusal); }

    void hold_writes() { holds_ = true; }
    void commit_all() {
        holds_ = false;
        while (!waiting_.empty()) {
            auto entry = std::move(waiting_.front());
            waiting_.pop_front();
            loop_.post([entry = std::move(entry)]() mutable { entry.done(entry.range); });
        }
    }
    void fail_next(ErrorCode code) { fail_next_ = code; }
    void hold_loads() { holds_loads_ = true; }
    void release_loads() {
        holds_loads_ = false;
        for (auto& entry : std::exchange(loads_, {}))
            loop_.post([this, entry = std::move(entry)] { stream(entry.partition, *entry.target); });
    }
    void set_max_batch_bytes(std::size_t bytes) { max_batch_bytes_ = bytes; }
    void put(PartitionIndex partition, Slice batch) { logs_[partition].push_back(std::move(batch)); }
    const std::vector<Slice>& log(PartitionIndex partition) { return logs_[partition]; }

    std::move_only_function<void(const Slice&)> on_append;

private:
    struct Waiting {
        AppendedRange range;
        Completion<Result<AppendedRange>> done;
    };
    struct Load {
        PartitionIndex partition;
        Ref<LoadTarget> target;
    };
    void stream(PartitionIndex partition, LoadTarget& target) {
        for (const auto& batch : logs_[partition]) target.on_batch(batch);
        target.on_loaded({});
    }

    TestLoop& loop_;
    std::map<PartitionIndex, std::vector<Slice>> logs_;
    std::deque<Waiting> waiting_;
    std::vector<Load> loads_;
    bool holds_ = false;
    bool holds_loads_ = false;
    std::optional<ErrorCode> fail_next_;
    Status refusal_;
    std::size_t max_batch_bytes_ = 1 << 20;
};

// Every partition lies on shard (index modulo shards).
class TestPlacement final : public PartitionPlacement {
public:
    TestPlacement(std::int32_t partitions, std::uint32_t shards) : partitions_(partitions), shards_(shards) {}
    std::optional<ShardId> owner(PartitionIndex partition) const override {
        return ShardId{static_cast<std::uint32_t>(partition.value()) % shards_};
    }
    std::int32_t partition_count() const override { return partitions_; }

private:
    std::int32_t partitions_;
    std::uint32_t shards_;
};

// Topics that tests make: each change is a new image.
class TestTopics final : public metadata::ImageSource {
public:
    Ref<const metadata::Image> current() const override { return image_; }
    void put_topic(const std::string& name, std::int32_t partitions) {
        auto state = metadata::ClusterState(*image_);
        const auto* known = state.topic(name);
        auto topic = make_ref<metadata::Topic>(name, known == nullptr ? Uuid{21, ++topics_} : known->id);
        for (std::int32_t i = 0; i < partitions; ++i) topic->partitions.set(PartitionIndex{i}, {});
        state.topics_by_id.set(topic->id, topic);
        state.topics_by_name.set(name, topic);
        publish(std::move(state));
    }
    void remove_topic(const std::string& name) {
        auto state = metadata::ClusterState(*image_);
        state.topics_by_id.erase(state.topic(name)->id);
        state.topics_by_name.erase(name);
        publish(std::move(state));
    }
    void put_group_config(const std::string& group, const std::string& key, const std::string& value) {
        auto state = metadata::ClusterState(*image_);
        metadata::ConfigMap configs;
        configs.set(key, value);
        state.configs.set({.type = metadata::ConfigResourceType::group, .name = group}, configs);
        publish(std::move(state));
    }

private:
    void publish(metadata::ClusterState state) {
        const metadata::Provenance provenance{.last_contained_offset = Offset{++version_}};
        image_ = make_ref<metadata::Image>(std::move(state), provenance, "cluster");
    }
    std::uint64_t topics_ = 0;
    std::int64_t version_ = 0;
    Ref<const metadata::Image> image_ = metadata::Image::empty("cluster");
};

// A broker that leads all partitions of __consumer_offsets. The first shard answers the tests.
class TestWorld {
public:
    struct Options {
        GroupConfig config;
        std::int32_t partitions = 1;
        std::uint32_t shards = 1;
    };

    explicit TestWorld(const Options& options)
        : loop(options.shards), log(loop), placement(options.partitions, options.shards), options_(options) {
        for (std::uint32_t shard = 0; shard < options.shards; ++shard)
            coordinators_.push_back(std::make_unique<GroupCoordinator>(
                GroupCoordinator::Options{.config = options.config,
                                          .ports = {ShardId{shard}, loop, loop, loop, loop, disk_, network_},
                                          .writer = log,
                                          .placement = placement,
                                          .images = images}));
        std::vector<GroupCoordinator*> shards;
        for (const auto& coordinator : coordinators_) shards.push_back(coordinator.get());
        for (auto* coordinator : shards) coordinator->connect(shards);
    }
    ~TestWorld() {
        const AbandonScope abandon;
        coordinators_.clear();
    }

    GroupCoordinator& groups() { return *coordinators_.front(); }
    GroupCoordinator& owner_of(PartitionIndex partition) {
        return *coordinators_[placement.owner(partition)->value()];
    }
    void elect() {
        ++epoch_;
        for (std::int32_t i = 0; i < options_.partitions; ++i) {
            const PartitionIndex index{i};
            owner_of(index).on_elected({k_offsets_topic_id, index}, LeaderEpoch{epoch_});
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

private:
    static constexpr Uuid k_offsets_topic_id{11, 12};

public:
    TestLoop loop;
    TestLog log;
    TestPlacement placement;
    TestTopics images;

private:
    const Options options_;
    NoDisk disk_;
    NoNetwork network_;
    std::vector<std::unique_ptr<GroupCoordinator>> coordinators_;
    std::int32_t epoch_ = 0;
};

}  // namespace gregor::coordinator
