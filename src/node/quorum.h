// The controller role of this node: the metadata log, the quorum over it and the controller that leads it,
// joined. Lives on shard 0.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "controller/controller.h"
#include "io/ports.h"
#include "metadata/publisher.h"
#include "node/boot.h"
#include "node/config.h"
#include "node/metadata_log.h"
#include "node/metadata_observers.h"
#include "node/metadata_snapshots.h"
#include "raft/driver.h"

namespace gregor::node {

class QuorumObserver {
public:
    virtual ~QuorumObserver() = default;
    virtual void on_controller_active() = 0;
    virtual void on_quorum_failed(const Error& why) = 0;
};

// security/'s hashes behind the controller's port.
struct ScramPasswordKeys final : controller::PasswordKeys {
    controller::ScramServerKeys derive(controller::ScramMechanism mechanism,
                                       Bytes salted_password) const override;
};

class Quorum final : public raft::RaftListener, public controller::RecordLog, public controller::IdSource {
public:
    Quorum(const io::ShardPorts& ports, const NodeConfig& config, Booted& booted,
           metadata::ImagePublisher& publisher, QuorumObserver& observer);

    void start();
    // Of a broker, or of whoever came by the controller's listener.
    void request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done);
    const metadata::ClusterState& state() const {
        return controller_.state();
    }  // with what is not committed yet
    std::int16_t kraft_version() const { return driver_->kraft_version(); }  // once the controller is active
    // Resigns, then closes the log.
    void close(Completion<Status> done);
    void stop();  // nobody is told anything any more
    void check_invariants() const { controller_.check_invariants(); }

private:
    Status on_snapshot(raft::SnapshotId id, const raft::SnapshotContent& content) override;
    Status on_batch(const raft::RecordBatch& batch) override;
    void on_became_leader(LeaderEpoch epoch) override;
    void on_committed(Offset high_watermark) override;
    void on_resigned(LeaderEpoch) override;
    void on_failed(const Error& why) override { observer_.on_quorum_failed(why); }

    Offset end_offset() const override { return driver_->end_offset(); }
    metadata::Provenance append(std::span<const Slice> records) override;
    controller::QuorumFacts quorum() const override;
    Uuid next() override { return io::random_uuid(ports_.random); }

    controller::ControllerParts controller_parts(const NodeConfig& config, const Booted& booted,
                                                 metadata::ImagePublisher& publisher);
    static ObserverSettings observer_settings(const NodeConfig& config, const std::string& cluster_id);
    raft::Driver::Settings driver_settings(const NodeConfig& config, const Booted& booted) const;

    io::ShardPorts ports_;
    QuorumObserver& observer_;
    const std::optional<std::string> quorum_state_at_start_;
    MetadataLog log_;
    const ScramPasswordKeys passwords_{};
    controller::Controller controller_;
    MetadataSnapshots snapshots_;
    std::unique_ptr<raft::Driver> driver_;
    MetadataObservers observers_;
    std::optional<Error> bootstrap_error_;  // what start() reports
};

// A shard's way to the controller on shard 0.
class LocalControllerChannel final : public metadata::ControllerChannel {
public:
    // `quorum` is looked at on shard 0 only.
    LocalControllerChannel(const io::ShardPorts& ports, const std::unique_ptr<Quorum>& quorum)
        : ports_(ports), quorum_(quorum) {}
    void request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done) override;

private:
    io::ShardPorts ports_;
    const std::unique_ptr<Quorum>& quorum_;
};

}  // namespace gregor::node
