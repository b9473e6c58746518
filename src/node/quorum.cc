#include "node/quorum.h"

#include "base/assert.h"
#include "raft/snapshot.h"
#include "security/scram_keys.h"

namespace gregor::node {
namespace {

std::vector<Bytes> views_of(std::span<const Slice> slices) {
    std::vector<Bytes> views;
    views.reserve(slices.size());
    for (const auto& slice : slices) views.push_back(slice.bytes());
    return views;
}

raft::VoterEndpoint voter_endpoint(const Listener& listener) {
    return {listener.name, listener.endpoint.host, listener.endpoint.port};
}

}  // namespace

controller::ControllerParts Quorum::controller_parts(const NodeConfig& config, const Booted& booted,
                                                     metadata::ImagePublisher& publisher) {
    const auto& settings = config.settings;
    controller::ControllerSettings decisions;
    decisions.node_id = config.node_id;
    decisions.cluster_id = booted.cluster_id;
    decisions.num_partitions = static_cast<std::int32_t>(settings.number("num.partitions"));
    decisions.default_replication_factor =
        static_cast<std::int16_t>(settings.number("default.replication.factor"));
    decisions.delete_topics = settings.flag("delete.topic.enable");
    decisions.min_insync_replicas = static_cast<std::int32_t>(settings.number("min.insync.replicas"));
    controller::ControllerIdentity identity{.id = config.node_id,
                                            .incarnation_id = io::random_uuid(ports_.random)};
    for (const auto& listener : config.controller_listeners) {
        const auto endpoint = voter_endpoint(listener);
        identity.endpoints.push_back({.name = endpoint.name, .host = endpoint.host, .port = endpoint.port});
    }
    const auto quota_window = settings.number("controller.quota.window.num") *
                              settings.number("controller.quota.window.size.seconds");
    return {decisions, identity,   settings,  *this,
            *this,     passwords_, publisher, static_cast<double>(quota_window)};
}

raft::Driver::Settings Quorum::driver_settings(const NodeConfig& config, const Booted& booted) const {
    raft::Driver::Settings settings;
    settings.config.node_id = config.node_id;
    settings.config.directory_id = booted.directory_id;
    for (const auto& listener : config.controller_listeners)
        settings.config.endpoints.push_back(voter_endpoint(listener));
    settings.static_voters = config.quorum_voters;
    settings.quorum_state = quorum_state_at_start_;
    settings.wall_clock_ms = [clock = &ports_.clock] { return clock->wall_clock_ms(); };
    return settings;
}

ObserverSettings Quorum::observer_settings(const NodeConfig& config, const std::string& cluster_id) {
    const auto bytes = [&config](std::string_view key) {
        return static_cast<std::size_t>(config.settings.number(key));
    };
    return {.cluster_id = cluster_id,
            .node_id = config.node_id,
            .endpoint = voter_endpoint(config.controller_listeners.front()),
            .fetch_bytes_max = bytes("controller.quorum.fetch.max.bytes"),
            .snapshot_bytes_max = bytes("controller.quorum.fetch.snapshot.max.bytes")};
}

Quorum::Quorum(const io::ShardPorts& ports, const NodeConfig& config, Booted& booted,
               metadata::ImagePublisher& publisher, QuorumObserver& observer)
    : ports_(ports),
      observer_(observer),
      quorum_state_at_start_(booted.metadata.quorum_state),
      log_(ports, booted.dirs.directories()[booted.dirs.metadata_directory()].path,
           std::move(booted.metadata)),
      controller_(controller_parts(config, booted, publisher)),
      snapshots_(ports, log_, config.snapshots),
      driver_(std::make_unique<raft::Driver>(driver_settings(config, booted), log_, *this)),
      observers_(ports, observer_settings(config, booted.cluster_id), log_, *driver_) {
    if (!booted.bootstrap) return;
    auto content = raft::read_snapshot(*booted.bootstrap);
    auto status = content ? controller_.set_bootstrap(std::move(content->records))
                          : Status(std::unexpected(content.error()));
    if (!status) bootstrap_error_ = status.error();
}

void Quorum::start() {
    if (bootstrap_error_) return observer_.on_quorum_failed(*bootstrap_error_);
    driver_->start();
}

Status Quorum::on_snapshot(raft::SnapshotId id, const raft::SnapshotContent& content) {
    if (id.end_offset == Offset{0}) {
        return content.records.empty() ? Status{} : controller_.set_bootstrap(content.records);
    }
    return controller_.load_snapshot(views_of(content.records),
                                     {id.end_offset - 1, id.epoch, content.last_contained_timestamp});
}

Status Quorum::on_batch(const raft::RecordBatch& batch) {
    return controller_.load_batch(batch.base_offset, batch.epoch, batch.timestamp, batch.values);
}

void Quorum::on_became_leader(LeaderEpoch epoch) {
    controller_.on_became_leader(epoch);
    observer_.on_controller_active();
}

void Quorum::on_committed(Offset high_watermark) {
    controller_.on_committed(high_watermark);
    snapshots_.on_committed({.image = controller_.published(),
                             .leader_epoch = driver_->epoch(),
                             .log_bytes = driver_->log_bytes(),
                             .kraft_version = driver_->kraft_version(),
                             .voters = driver_->voters()});
    observers_.on_news();
}

void Quorum::on_resigned(LeaderEpoch) {
    controller_.on_resigned();
    observers_.on_news();
}

void Quorum::request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done) {
    if (MetadataObservers::serves(request.api_key)) return observers_.request(request, std::move(done));
    controller_.request(std::move(request), std::move(done));
}

metadata::Provenance Quorum::append(std::span<const Slice> records) {
    const auto end = driver_->append(views_of(records));
    observers_.on_news();
    return {end - 1, driver_->epoch(), ports_.clock.wall_clock_ms()};
}

controller::QuorumFacts Quorum::quorum() const {
    controller::QuorumFacts facts{.leader_epoch = driver_->epoch(),
                                  .high_watermark = driver_->high_watermark(),
                                  .log_end_offset = driver_->end_offset(),
                                  .now_ms = ports_.clock.wall_clock_ms(),
                                  .kraft_version = driver_->kraft_version(),
                                  .voters = {},
                                  .observers = {}};
    for (const auto& observer : observers_.list()) {
        facts.observers.push_back({.id = observer.key.id,
                                   .directory_id = observer.key.directory_id,
                                   .log_end_offset = observer.log_end_offset,
                                   .last_fetch_ms = observer.last_fetch_ms,
                                   .last_caught_up_ms = observer.last_caught_up_ms});
    }
    for (const auto& voter : driver_->voters()) {
        auto& row = facts.voters.emplace_back();
        row.id = voter.id;
        row.directory_id = voter.directory_id;
        for (const auto& endpoint : voter.endpoints)
            row.endpoints.push_back({.name = endpoint.name, .host = endpoint.host, .port = endpoint.port});
    }
    return facts;
}

controller::ScramServerKeys ScramPasswordKeys::derive(controller::ScramMechanism mechanism,
                                                      Bytes salted_password) const {
    const auto hash = mechanism == controller::ScramMechanism::sha_256 ? security::ScramHash::sha_256
                                                                       : security::ScramHash::sha_512;
    auto keys = security::scram_keys(hash, salted_password);
    return {std::move(keys.stored_key), std::move(keys.server_key)};
}

void Quorum::close(Completion<Status> done) {
    driver_->stop();
    snapshots_.stop([this, done = std::move(done)]() mutable { log_.close(std::move(done)); });
}

void Quorum::stop() { log_.stop(); }

// ---------------------------------------------------------------- channel

namespace {

// Carries the controller's answer back to the shard that asked.
struct AnswerReturn {
    io::Shards* shards;
    ShardId home;
    Completion<Result<BufferChain>> done;

    void operator()(Result<BufferChain> answer) {
        shards->submit(home, Delivery{std::move(done), std::move(answer)});
    }

    struct Delivery {
        Completion<Result<BufferChain>> done;
        Result<BufferChain> answer;
        void operator()() { done(std::move(answer)); }
    };
};

}  // namespace

void LocalControllerChannel::request(metadata::ForwardedRequest request,
                                     Completion<Result<BufferChain>> done) {
    if (ports_.shard == ShardId{0}) {
        if (quorum_ == nullptr) return done(fail(ErrorCode::not_controller));
        return quorum_->request(std::move(request), std::move(done));
    }
    AnswerReturn back{&ports_.shards, ports_.shard, std::move(done)};
    ports_.shards.submit(ShardId{0},
                         [&quorum = quorum_, request = std::move(request), back = std::move(back)]() mutable {
                             Completion<Result<BufferChain>> answer(std::move(back));
                             if (quorum == nullptr) return answer(fail(ErrorCode::not_controller));
                             quorum->request(std::move(request), std::move(answer));
                         });
}

}  // namespace gregor::node
