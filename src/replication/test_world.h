// A node's partitions on one file system in memory, over as many shards as a test asks for, driven turn by
// turn: nothing happens, on no shard and on no disk, until it is told to.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "metadata/delta.h"
#include "replication/checkpointer.h"
#include "replication/replica_shard.h"
#include "replication/replicas.h"
#include "storage/testing/log_world.h"
#include "storage/testing/memory_files.h"

namespace gregor::replication::testing {

inline constexpr BrokerId k_self{1};
inline constexpr auto k_now_ms = storage::testing::k_test_now_ms;

struct HandClock final : io::Clock {
    Instant at = Instant::from_nanos(1'000'000'000);
    Instant now() const override { return at; }
    std::int64_t wall_ms = k_now_ms;
    std::int64_t wall_clock_ms() const override { return wall_ms; }
};

struct SeededRandom final : io::Random {
    Prng prng{1};
    std::uint64_t next() override { return prng.next(); }
};

class HandExecutor final : public io::Executor {
public:
    void post(io::Task task) override { ready_.push_back(std::move(task)); }
    io::TimerId call_at(Instant when, io::Task task) override {
        const io::TimerId timer{++last_timer_};
        timers_.emplace(std::pair(when, timer), std::move(task));
        return timer;
    }
    void cancel(io::TimerId timer) override {
        std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
    }
    bool run_one() {
        if (ready_.empty()) return false;
        auto task = std::move(ready_.front());
        ready_.pop_front();
        task();
        return true;
    }
    void fire_until(Instant end) {
        while (!timers_.empty() && timers_.begin()->first.first <= end) {
            auto timer = timers_.extract(timers_.begin());
            timer.mapped()();
        }
    }
    std::size_t timers() const { return timers_.size(); }
    void clear() {
        ready_.clear();
        timers_.clear();
    }

private:
    std::deque<io::Task> ready_;
    std::map<std::pair<Instant, io::TimerId>, io::Task> timers_;
    std::uint64_t last_timer_ = 0;
};

struct Properties final : metadata::ConfigSource {
    std::map<std::string, std::string, std::less<>> given;
    const std::string* static_value(std::string_view key) const override {
        const auto found = given.find(key);
        return found == given.end() ? nullptr : &found->second;
    }
};

struct Elections final : LeadershipObserver {
    std::vector<std::string> seen;
    void on_led_here(const std::string& topic, TopicPartitionId id, LeaderEpoch epoch) override {
        seen.push_back(fmt::format("{}-{} leads in {}", topic, id.partition.value(), epoch.value()));
    }
    void on_not_led_here(const std::string& topic, TopicPartitionId id) override {
        seen.push_back(fmt::format("{}-{} does not", topic, id.partition.value()));
    }
};

// What a completion brought, and that it came once.
template <class T>
struct Reply {
    int calls = 0;
    std::optional<T> value;
    void operator()(T got) {
        ++calls;
        value = std::move(got);
    }
    bool is_there() const { return calls == 1; }
};

class World final : public io::Shards {
public:
    struct Options {
        std::uint32_t shards = 1;
        std::vector<std::string> directories = {"/data"};
        std::size_t tail_cache_bytes = std::size_t{1} << 20;
        std::size_t write_queue_bytes = std::size_t{1} << 20;
    };
    World() : World(Options{}) {}
    explicit World(Options options) : options_(std::move(options)) {
        for (std::uint32_t i = 0; i < options_.shards; ++i) sites_.push_back(std::make_unique<Site>(files));
        start();
    }
    ~World() override { crash(); }

    // ---------------------------------------------------------------- the node

    void start() {
        auto opened = storage::LogDirs::open(files, {options_.directories, std::nullopt, k_self});
        ASSERT_TRUE(opened.has_value()) << opened.error().detail;
        dirs_.emplace(std::move(*opened));
        if (!dirs_->is_formatted()) {
            ASSERT_TRUE(dirs_->format(files, "cluster", random).has_value());
        }
        ASSERT_TRUE(dirs_->begin(files).has_value());
        checkpointer = std::make_unique<Checkpointer>(sites_.front()->disk, *dirs_);
        checkpointer->set_on_failed([this](std::size_t directory, const Error& why) {
            sites_.front()->shard->take_offline(directory, why);
        });
        for (std::uint32_t i = 0; i < sites_.size(); ++i) build(i);
        std::vector<ReplicaShard*> shards;
        std::vector<FetchHome*> homes;
        for (const auto& site : sites_) {
            shards.push_back(site->shard.get());
            homes.push_back(site->replicas.get());
        }
        for (const auto& site : sites_) {
            site->shard->set_fetch_homes(homes);
            site->shard->set_folder_free_broadcast([this](const storage::PartitionName& name) {
                for (std::uint32_t i = 0; i < sites_.size(); ++i)
                    submit(ShardId{i},
                           [shard = sites_[i]->shard.get(), name] { shard->on_folder_free(name); });
            });
            site->shard->set_offline_broadcast([this](std::size_t directory, const Error& why) {
                for (std::uint32_t i = 0; i < sites_.size(); ++i)
                    submit(ShardId{i}, [shard = sites_[i]->shard.get(), directory, why] {
                        shard->take_offline(directory, why);
                    });
            });
            site->replicas->connect(shards);
        }
    }
    // Everything in memory is gone; the files stay as they are.
    void crash() {
        const AbandonScope tearing_down;
        for (const auto& site : sites_) {
            site->executor.clear();
            site->disk.drop();
            site->shard.reset();
            site->replicas.reset();
        }
        checkpointer.reset();
        dirs_.reset();
    }
    // Closes every log; the directories that may be called clean.
    std::set<std::size_t> close() {
        std::size_t closed = 0;
        for (const auto& site : sites_) site->shard->close([&closed] { ++closed; });
        settle();
        EXPECT_EQ(closed, sites_.size());
        std::set<std::size_t> clean;
        for (std::size_t i = 0; i < options_.directories.size(); ++i) {
            const auto is_clean = [i](const auto& site) { return site->shard->is_clean(i); };
            if (std::ranges::all_of(sites_, is_clean)) clean.insert(i);
        }
        return clean;
    }

    // ---------------------------------------------------------------- the cluster

    Uuid add_topic(const std::string& name, std::int32_t partitions = 1) {
        auto topic = make_ref<metadata::Topic>(name, Uuid{7, ++topics_made_});
        for (std::int32_t i = 0; i < partitions; ++i)
            topic->partitions.set(PartitionIndex{i}, led_by(k_self));
        const auto id = topic->id;
        for (std::int32_t i = 0; i < partitions; ++i)
            changes.changed_partitions[id].insert(PartitionIndex{i});
        changes.created_topics.insert(id);
        put(std::move(topic));
        return id;
    }
    void set_config(const std::string& topic, const std::string& key, const std::string& value) {
        const metadata::ConfigResource resource{metadata::ConfigResourceType::topic, topic};
        const auto* had = state.configs.find(resource);
        metadata::ConfigMap configs = had == nullptr ? metadata::ConfigMap{} : *had;
        configs.set(key, value);
        state.configs.set(resource, std::move(configs));
        changes.configs.insert(resource);
    }
    void delete_topic(const std::string& name) {
        const auto topic = *state.topics_by_name.find(name);
        changes.deleted_topics.emplace(topic->id, topic);
        changes.changed_partitions.erase(topic->id);
        changes.created_topics.erase(topic->id);
        state.topics_by_id.erase(topic->id);
        state.topics_by_name.erase(name);
    }
    static metadata::Partition led_by(BrokerId leader, std::int32_t epoch = 0) {
        metadata::Partition partition;
        partition.replicas = {k_self};
        partition.directories = {metadata::k_unassigned_directory};
        partition.isr = {k_self};
        partition.leader = leader;
        partition.leader_epoch = LeaderEpoch{epoch};
        partition.partition_epoch = 0;
        return partition;
    }
    void set_partition(const std::string& name, std::int32_t index, metadata::Partition partition) {
        auto topic = make_ref<metadata::Topic>(**state.topics_by_name.find(name));
        topic->partitions.set(PartitionIndex{index}, std::move(partition));
        changes.changed_partitions[topic->id].insert(PartitionIndex{index});
        put(std::move(topic));
    }
    // Everything changed since the last call, on every shard, each in a turn of its own.
    void publish() {
        image = make_ref<metadata::Image>(state, metadata::Provenance{}, "cluster");
        for (std::uint32_t i = 0; i < sites_.size(); ++i)
            submit(ShardId{i}, [shard = sites_[i]->shard.get(), image = image, changes = changes] {
                shard->on_image(image, changes);
            });
        changes = {};
    }
    // As after a start: everything that there is has changed.
    void publish_all() {
        for (const auto& [id, topic] : state.topics_by_id)
            for (const auto& [index, partition] : topic->partitions)
                changes.changed_partitions[id].insert(index);
        publish();
    }

    // ---------------------------------------------------------------- time

    // One turn of every shard, without its disk.
    bool run_turns() {
        bool ran = false;
        for (const auto& site : sites_)
            while (site->executor.run_one()) ran = true;
        return ran;
    }
    void settle_but_disks() {
        while (run_turns()) check();
    }
    bool run_disk_job(std::uint32_t shard = 0) { return sites_[shard]->disk.run_one(); }
    void settle() {
        for (bool ran = true; ran;) {
            ran = run_turns();
            for (const auto& site : sites_) ran = site->disk.run_one() || ran;
            check();
        }
    }
    // What is due, without its consequences.
    void fire_timers() {
        for (const auto& site : sites_) site->executor.fire_until(clock.at);
    }
    std::size_t timers(std::uint32_t shard = 0) const { return sites_[shard]->executor.timers(); }
    void advance(Duration span) {
        clock.at = clock.at + span;
        for (const auto& site : sites_) site->executor.fire_until(clock.at);
        settle();
    }
    void check() const {
        for (const auto& site : sites_) site->shard->check_invariants();
    }

    // ---------------------------------------------------------------- requests, from shard 0 unless said

    using Appended = Reply<std::vector<AppendOutcome>>;
    using Fetched = Reply<std::vector<FetchOutcome>>;

    AppendOptions options(Acks acks = Acks::all) const {
        AppendOptions options;
        options.acks = acks;
        options.deadline = clock.at + Duration::seconds(30);
        return options;
    }
    Appended& append(std::vector<PartitionAppend> appends, const AppendOptions& how) {
        auto& reply = append_replies_.emplace_back();
        replicas().append(std::move(appends), how,
                          [&reply](std::vector<AppendOutcome> got) { reply(std::move(got)); });
        return reply;
    }
    Appended& append(Uuid topic, std::int32_t partition = 0, Acks acks = Acks::all) {
        return append({entry(topic, partition)}, options(acks));
    }
    static PartitionAppend entry(Uuid topic, std::int32_t partition = 0,
                                 const storage::testing::TestBatch& batch = {}) {
        return {id_of(topic, partition), storage::testing::make_batch(batch)};
    }
    static PartitionFetch from(Uuid topic, std::int64_t offset, std::int32_t partition = 0) {
        return {.partition = id_of(topic, partition), .fetch_offset = Offset{offset}, .max_bytes = 1 << 20};
    }
    FetchOptions wait(std::int64_t wait_ms, std::int32_t min_bytes = 1) const {
        FetchOptions options;
        options.max_bytes = 1 << 20;
        options.min_bytes = min_bytes;
        options.deadline = clock.at + Duration::millis(wait_ms);
        return options;
    }
    Fetched& fetch(std::vector<PartitionFetch> fetches, const FetchOptions& how) {
        auto& reply = fetch_replies_.emplace_back();
        last_fetch = replicas().fetch(std::move(fetches), how,
                                      [&reply](std::vector<FetchOutcome> got) { reply(std::move(got)); });
        return reply;
    }
    static TopicPartitionId id_of(Uuid topic, std::int32_t partition = 0) {
        return {topic, PartitionIndex{partition}};
    }
    std::uint32_t owner(Uuid topic, std::int32_t partition = 0) const {
        return owner_of(id_of(topic, partition), options_.shards).value();
    }
    // The first partition of the topic that this shard owns.
    std::int32_t partition_on(std::uint32_t shard, Uuid topic) const {
        std::int32_t partition = 0;
        while (owner(topic, partition) != shard) ++partition;
        return partition;
    }

    Replicas& replicas(std::uint32_t shard = 0) { return *sites_[shard]->replicas; }
    ReplicaShard& shard(std::uint32_t index = 0) { return *sites_[index]->shard; }
    Partition* partition(Uuid topic, std::int32_t index = 0) {
        return shard(owner(topic, index)).find(id_of(topic, index));
    }
    // Somebody uses it.
    void open(Uuid topic, std::int32_t index = 0) {
        shard(owner(topic, index)).when_loaded({id_of(topic, index)}, [] {});
        settle();
    }
    std::size_t disk_jobs(std::uint32_t shard = 0) const { return sites_[shard]->disk.pending(); }
    const std::vector<std::string>& elections(std::uint32_t shard = 0) const {
        return sites_[shard]->elections.seen;
    }
    storage::LogDirs& dirs() { return *dirs_; }

    std::uint32_t count() const override { return options_.shards; }
    void submit(ShardId to, io::Task task) override { sites_[to.value()]->executor.post(std::move(task)); }

    storage::testing::MemoryFiles files;
    SeededRandom random;
    HandClock clock;
    Properties properties;
    metadata::ClusterState state;
    metadata::Changes changes;
    Ref<const metadata::Image> image;
    std::unique_ptr<Checkpointer> checkpointer;
    FetchId last_fetch;

private:
    class Disk final : public io::Disk {
    public:
        explicit Disk(io::FileSystem& system) : files_(system) {}
        io::DiskLane new_lane(io::LaneUse) override { return {++lanes_}; }
        void submit(io::DiskLane, std::unique_ptr<io::DiskJob> job) override {
            jobs_.push_back(std::move(job));
        }
        bool run_one() {
            if (jobs_.empty()) return false;
            auto job = std::move(jobs_.front());
            jobs_.pop_front();
            job->run(files_);
            job->complete();
            return true;
        }
        void drop() { jobs_.clear(); }
        std::size_t pending() const { return jobs_.size(); }

    private:
        io::FileSystem& files_;
        std::uint32_t lanes_ = 0;
        std::deque<std::unique_ptr<io::DiskJob>> jobs_;
    };
    struct NoNetwork final : io::Network {
        Result<std::uint16_t> listen(std::uint32_t, const io::Endpoint&) override { UNREACHABLE(); }
        void stop_listening(std::uint32_t) override { UNREACHABLE(); }
        void set_accept_handler(io::AcceptHandler&) override { UNREACHABLE(); }
        void connect(const io::Endpoint&, io::ConnectHandler&) override { UNREACHABLE(); }
    };
    struct Site {
        explicit Site(io::FileSystem& files) : disk(files) {}
        HandExecutor executor;
        Disk disk;
        Elections elections;
        std::unique_ptr<ReplicaShard> shard;
        std::unique_ptr<Replicas> replicas;
    };

    void build(std::uint32_t index) {
        auto& site = *sites_[index];
        const io::ShardPorts ports{ShardId{index}, clock, random, site.executor, *this, site.disk, network_};
        ReplicaShardConfig config;
        config.broker_id = k_self;
        config.tail_cache_bytes = options_.tail_cache_bytes;
        config.write_queue_bytes = options_.write_queue_bytes;
        site.shard =
            std::make_unique<ReplicaShard>(ports, config, *dirs_, properties, *checkpointer, site.elections);
        site.replicas = std::make_unique<Replicas>(ports);
    }
    void put(Ref<const metadata::Topic> topic) {
        state.topics_by_id.set(topic->id, topic);
        state.topics_by_name.set(topic->name, topic);
    }

    const Options options_;
    NoNetwork network_;
    std::vector<std::unique_ptr<Site>> sites_;
    std::optional<storage::LogDirs> dirs_;
    std::uint64_t topics_made_ = 0;
    std::deque<Appended> append_replies_;
    std::deque<Fetched> fetch_replies_;
};

inline std::int64_t base_of(const World::Appended& reply, std::size_t place = 0) {
    return reply.is_there() ? (*reply.value)[place].base_offset.value() : -100;
}
inline ErrorCode error_of(const World::Appended& reply, std::size_t place = 0) {
    return reply.is_there() ? (*reply.value)[place].error : ErrorCode::unknown_server_error;
}
inline ErrorCode error_of(const World::Fetched& reply, std::size_t place = 0) {
    return reply.is_there() ? (*reply.value)[place].error : ErrorCode::unknown_server_error;
}
inline std::vector<std::pair<std::int64_t, std::int64_t>> records_of(const World::Fetched& reply,
                                                                     std::size_t place = 0) {
    return storage::testing::ranges((*reply.value)[place].records);
}

}  // namespace gregor::replication::testing
