// A whole node, composed from its configuration and the ports of its shards: the same in production and in
// the simulator. The only place that knows everyone.
//
//   start: boot (worker) → metadata log → controller → registration → image on every shard → unfence → listen
//   → ready stop:  stop listening → drain connections → controlled shutdown → close logs → checkpoints →
//   close the metadata
//          log → mark the directories clean → stopped
//
// start() and stop() are called on shard 0; so is the observer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/completion.h"
#include "io/ports.h"
#include "metadata/broker_lifecycle.h"
#include "metadata/publisher.h"
#include "node/boot.h"
#include "node/config.h"
#include "node/door.h"
#include "node/quorum.h"
#include "node/shard_node.h"

namespace gregor::node {

class NodeObserver {
public:
    virtual ~NodeObserver() = default;
    virtual void on_ready() = 0;
    // The node cannot start, or cannot go on. One sentence for the operator; the owner destroys the node.
    virtual void on_failed(const Error& why) = 0;
    virtual void on_stopped() = 0;
};

class Node final : public metadata::ImagePublisher, public QuorumObserver, public DirectoryObserver {
public:
    // `ports[i]` are those of shard i. Everything given outlives the node. Destroyed when no shard runs any
    // more.
    Node(NodeConfig config, std::vector<io::ShardPorts> ports, NodeObserver& observer);
    ~Node() override;

    void start();
    void stop();

    // For the simulator, between events of a world that runs all shards on one thread.
    void check_invariants() const;

private:
    class BootJob;
    class MarkCleanJob;
    class StampJob;
    class RestoreMarkersJob;
    struct ShardRound;
    // Runs on its shard; `report` may be called there at any later time, once.
    using ShardWork = std::function<void(std::uint32_t shard, io::Task report)>;

    io::ShardPorts& home() { return ports_.front(); }
    void listen();
    void on_booted(Result<Booted> booted);
    void build(const Booted& booted);
    void publish(Ref<const metadata::Image> image, const metadata::Changes& changes) override;
    void apply_configs(const metadata::Image& image, const metadata::Changes& changes);
    void on_controller_active() override;
    void on_quorum_failed(const Error& why) override;
    void on_directory_offline(std::size_t directory, const Error& why) override;
    void register_broker();
    void on_stamped(metadata::BrokerIdentity identity);
    void on_registered(const Result<std::int64_t>& epoch);
    void become_ready();
    void on_unfenced(const Status& status);
    // `then` runs on shard 0 when every shard has reported.
    void on_all_shards(ShardWork work, io::Task then);
    // Runs `then` on shard 0 when every image published so far has reached every shard.
    void after_images(io::Task then);
    void open_doors();
    void recover_in_background();
    void check_in_background();
    void fail_with(const Error& why);

    void drain_connections();
    void shut_down_broker();
    void on_shut_down(const Status& status);
    void close_logs();
    void flush_checkpoints();
    void close_metadata_log();
    void mark_clean();
    void finish_stop();

    const NodeConfig config_;
    std::vector<io::ShardPorts> ports_;
    NodeObserver& observer_;
    std::optional<Booted> booted_;
    MemoryPlan memory_;
    server::ServerConfig server_;
    std::unique_ptr<server::ConnectionQuotas> quotas_;
    security::AllowAll authorizer_;
    std::unique_ptr<replication::Checkpointer> checkpointer_;
    std::unique_ptr<Quorum> quorum_;
    std::vector<std::unique_ptr<Door>> doors_;
    std::vector<std::unique_ptr<ShardNode>> shards_;
    std::unique_ptr<metadata::BrokerLifecycle> lifecycle_;
    Offset published_end_;  // one past the last offset that the newest image contains
    std::set<std::size_t> clean_;
    std::vector<Uuid> cordoned_;                // directories that are to get no new partitions
    bool has_configs_ = false;                  // from the first image
    std::set<std::size_t> failed_directories_;  // while it ran
    bool has_published_ = false;
    bool is_controller_active_ = false;
    bool is_serving_ = false;
    bool is_stopping_ = false;
    bool has_failed_ = false;
};

}  // namespace gregor::node
