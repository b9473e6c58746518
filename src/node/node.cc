#include "node/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <tuple>

#include "base/assert.h"
#include "base/format.h"
#include "base/log.h"
#include "node/connection_limits.h"
#include "node/cordoned_directories.h"

namespace gregor::node {

// Work on every shard at once, and what follows on shard 0 when all of it has reported.
struct Node::ShardRound final : RefCounted {
    ShardRound(std::vector<io::ShardPorts>& all, ShardWork what, io::Task after)
        : ports(all), work(std::move(what)), missing(all.size()), then(std::move(after)) {}
    std::vector<io::ShardPorts>& ports;
    ShardWork work;
    std::size_t missing;  // touched on shard 0 only
    io::Task then;

    struct Arrival {
        Ref<ShardRound> round;
        void operator()() {
            if (--round->missing == 0) round->then();
        }
    };
    struct Report {
        Ref<ShardRound> round;
        std::uint32_t shard;
        void operator()() { round->ports[shard].shards.submit(ShardId{0}, Arrival{round}); }
    };
    struct Start {
        Ref<ShardRound> round;
        std::uint32_t shard;
        void operator()() { round->work(shard, Report{round, shard}); }
    };
};

void Node::on_all_shards(ShardWork work, io::Task then) {
    auto round = make_ref<ShardRound>(ports_, std::move(work), std::move(then));
    for (std::uint32_t i = 0; i < ports_.size(); ++i) {
        home().shards.submit(ShardId{i}, ShardRound::Start{round, i});
    }
}

class Node::BootJob final : public io::DiskJob {
public:
    explicit BootJob(Node& node) : node_(node), now_ms_(node.home().clock.wall_clock_ms()) {}
    void run(io::FileSystem& files) override {
        booted_ = boot(files, node_.home().random, node_.config_, now_ms_);
    }
    void complete() override { node_.on_booted(std::move(booted_)); }

private:
    Node& node_;
    std::int64_t now_ms_;
    Result<Booted> booted_ = fail(ErrorCode::unknown_server_error);
};

class Node::MarkCleanJob final : public io::DiskJob {
public:
    explicit MarkCleanJob(Node& node) : node_(node) {}
    void run(io::FileSystem& files) override {
        auto& dirs = node_.booted_->dirs;
        for (const auto directory : node_.clean_) {
            const auto marked = dirs.mark_clean(files, directory, node_.lifecycle_->epoch());
            if (!marked) LOG_ERROR("clean_marker_failed", marked.error().detail);
        }
        dirs.unlock(files);
    }
    void complete() override { node_.finish_stop(); }

private:
    Node& node_;
};

// Before the new incarnation is known to anybody: a crash in between leaves the old marks valid.
class Node::StampJob final : public io::DiskJob {
public:
    StampJob(Node& node, metadata::BrokerIdentity identity) : node_(node), identity_(std::move(identity)) {}
    void run(io::FileSystem& files) override {
        const auto stamped = node_.booted_->dirs.stamp(files, identity_.incarnation_id);
        if (!stamped)
            LOG_ERROR("stamp_failed", stamped.error().detail);  // the next start looks at everything
    }
    void complete() override { node_.on_stamped(std::move(identity_)); }

private:
    Node& node_;
    metadata::BrokerIdentity identity_;
};

// A start that fails before it has touched any partition leaves the directories as clean as it found them.
class Node::RestoreMarkersJob final : public io::DiskJob {
public:
    RestoreMarkersJob(Node& node, Error why) : node_(node), why_(std::move(why)) {}
    void run(io::FileSystem& files) override {
        auto& dirs = node_.booted_->dirs;
        for (std::size_t i = 0; i < dirs.directories().size(); ++i) {
            const auto& directory = dirs.directories()[i];
            if (!directory.was_clean || directory.failed) continue;
            const auto marked = dirs.mark_clean(files, i, directory.last_broker_epoch.value_or(-1));
            if (!marked) LOG_ERROR("clean_marker_failed", marked.error().detail);
        }
        dirs.unlock(files);
    }
    void complete() override { node_.observer_.on_failed(why_); }

private:
    Node& node_;
    Error why_;
};

Node::Node(NodeConfig config, std::vector<io::ShardPorts> ports, NodeObserver& observer)
    : config_(std::move(config)), ports_(std::move(ports)), observer_(observer) {}

Node::~Node() {
    AbandonScope tearing_down;
    lifecycle_.reset();
    doors_.clear();
    shards_.clear();
    checkpointer_.reset();
    quorum_.reset();
}

// ---------------------------------------------------------------- start

void Node::start() {
    memory_ = memory_plan(config_, static_cast<std::uint32_t>(ports_.size()));
    server_ = server_config(config_, memory_);
    quotas_ = std::make_unique<server::ConnectionQuotas>(home(), quota_window(config_.settings));
    for (std::size_t i = 0; i < ports_.size(); ++i) doors_.push_back(std::make_unique<Door>());
    on_all_shards(
        [this](std::uint32_t shard, io::Task report) {
            ports_[shard].network.set_accept_handler(*doors_[shard]);
            report();
        },
        [this] { listen(); });
}

void Node::listen() {
    if (is_stopping_) return observer_.on_stopped();
    for (std::uint32_t i = 0; i < server_.listeners.size(); ++i) {
        const auto& listener = server_.listeners[i];
        const auto bound = home().network.listen(i, {listener.host, listener.port});
        if (!bound) return fail_with(bound.error());
        const auto& [name, host, port] = std::tie(listener.name, listener.host, *bound);
        LOG_INFO("listening", name, host, port);
    }
    home().disk.submit(io::DiskLane{}, std::make_unique<BootJob>(*this));
}

void Node::on_booted(Result<Booted> booted) {
    if (is_stopping_) return observer_.on_stopped();
    if (!booted) return fail_with(booted.error());
    booted_ = std::move(*booted);
    build(*booted_);
    quorum_->start();
}

void Node::build(const Booted& booted) {
    server_.cluster_id = booted.cluster_id;
    checkpointer_ = std::make_unique<replication::Checkpointer>(home().disk, booted.dirs);
    quorum_ = std::make_unique<Quorum>(home(), config_, *booted_, *this, *this);
    const NodeParts parts{.config = config_,
                          .server = server_,
                          .memory = memory_,
                          .quotas = quotas_.get(),
                          .dirs = booted.dirs,
                          .checkpointer = *checkpointer_,
                          .authorizer = authorizer_,
                          .first_image = metadata::Image::empty(booted.cluster_id)};
    for (auto& ports : ports_) {
        shards_.push_back(std::make_unique<ShardNode>(
            ports, parts, std::make_unique<LocalControllerChannel>(ports, quorum_)));
    }
    // The first shard tells the others.
    checkpointer_->set_on_failed([this](std::size_t directory, const Error& why) {
        shards_.front()->replicas().take_offline(directory, why);
    });
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        ports_[i].shards.submit(ShardId{static_cast<std::uint32_t>(i)},
                                [this, i] { shards_[i]->connect(shards_, *this); });
    }
}

void Node::publish(Ref<const metadata::Image> image, const metadata::Changes& changes) {
    const bool is_first = !std::exchange(has_published_, true);
    if (is_first) {
        const auto* registered = image->broker(config_.node_id);
        booted_->dirs.claim_marks(registered == nullptr ? std::nullopt
                                                        : std::optional(registered->incarnation_id));
    }
    published_end_ = image->provenance.last_contained_offset + 1;
    apply_configs(*image, changes);
    if (is_first && is_controller_active_) register_broker();
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        home().shards.submit(ShardId{static_cast<std::uint32_t>(i)},
                             [shard = shards_[i].get(), image, changes] { shard->on_image(image, changes); });
    }
}

// What shard 0 makes of the configs of brokers and the quotas of addresses.
void Node::apply_configs(const metadata::Image& image, const metadata::Changes& changes) {
    const bool concerns_brokers = std::ranges::any_of(changes.configs, [](const auto& resource) {
        return resource.type == metadata::ConfigResourceType::broker;
    });
    const bool is_first = !std::exchange(has_configs_, true);
    if (!is_first && !concerns_brokers && !changes.client_quotas) return;
    const metadata::ConfigContext configs{
        .state = image, .properties = config_.settings, .node = config_.node_id};
    quotas_->set_limits(connection_limits(configs, server_, config_.inter_broker_listener));
    cordoned_ = cordoned_directories(configs, booted_->dirs);
    if (lifecycle_ != nullptr) lifecycle_->set_cordoned(cordoned_, published_end_);
}

void Node::on_controller_active() {
    server_.kraft_version = quorum_->kraft_version();  // before any connection is served
    is_controller_active_ = true;
    if (has_published_) register_broker();  // not before it is known whose marks there are
}

void Node::on_quorum_failed(const Error& why) { fail_with(why); }

// Without the metadata log a broker knows nothing; without a directory it has nothing.
void Node::on_directory_offline(std::size_t directory, const Error& why) {
    failed_directories_.insert(directory);
    if (is_stopping_) return;
    const auto& dirs = booted_->dirs;
    const auto has_failed = [&](std::size_t index) {
        return dirs.directories()[index].failed || failed_directories_.contains(index);
    };
    const auto indexes = std::views::iota(std::size_t{0}, dirs.log_directories());
    if (has_failed(dirs.metadata_directory()) || std::ranges::all_of(indexes, has_failed)) fail_with(why);
}

void Node::register_broker() {
    metadata::BrokerIdentity identity{.id = config_.node_id, .cluster_id = booted_->cluster_id};
    identity.incarnation_id = io::random_uuid(home().random);
    for (const auto& listener : config_.advertised_listeners) {
        identity.endpoints.push_back({.name = listener.name,
                                      .host = listener.endpoint.host,
                                      .port = listener.endpoint.port,
                                      .security_protocol = static_cast<std::int16_t>(listener.protocol)});
    }
    identity.rack = server_.rack;
    for (std::size_t i = 0; i < booted_->dirs.log_directories(); ++i) {
        const auto& directory = booted_->dirs.directories()[i];
        if (!directory.failed && directory.properties)
            identity.log_dirs.push_back(*directory.properties->directory_id);
    }
    const auto& first = booted_->dirs.directories().front();
    identity.previous_broker_epoch = first.last_broker_epoch.value_or(-1);
    home().disk.submit(io::DiskLane{}, std::make_unique<StampJob>(*this, std::move(identity)));
}

void Node::on_stamped(metadata::BrokerIdentity identity) {
    if (is_stopping_ || has_failed_) return;
    lifecycle_ = std::make_unique<metadata::BrokerLifecycle>(std::move(identity), shards_.front()->channel());
    lifecycle_->set_cordoned(cordoned_, published_end_);
    lifecycle_->start([this](const Result<std::int64_t>& epoch) { on_registered(epoch); });
}

void Node::on_registered(const Result<std::int64_t>& epoch) {
    if (!epoch) return fail_with(epoch.error());
    after_images([this] { become_ready(); });
}

void Node::become_ready() {
    lifecycle_->ready(published_end_, [this](const Status& status) { on_unfenced(status); });
}

void Node::on_unfenced(const Status& status) {
    if (!status) return fail_with(status.error());
    after_images([this] { open_doors(); });
}

// The mailbox keeps order, so a task sent now arrives behind every image.
void Node::after_images(io::Task then) {
    on_all_shards([](std::uint32_t, io::Task report) { report(); }, std::move(then));
}

void Node::open_doors() {
    if (is_stopping_ || has_failed_) return;
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
        home().shards.submit(ShardId{i}, [this, i] { doors_[i]->open_to(shards_[i]->server()); });
    }
    is_serving_ = true;
    recover_in_background();
    observer_.on_ready();
}

// What an unclean stop left is verified on first use; the rest follows here, so that the next clean stop can
// say so.
void Node::recover_in_background() {
    const auto unclean = [](const storage::LogDir& directory) {
        return !directory.was_clean && !directory.failed;
    };
    if (std::ranges::none_of(booted_->dirs.directories(), unclean)) return;
    on_all_shards([this](std::uint32_t shard,
                         io::Task report) { shards_[shard]->replicas().load_all(std::move(report)); },
                  [this] {
                      LOG_INFO("recovery_finished");
                      check_in_background();
                  });
}

// And what was taken on trust is read.
void Node::check_in_background() {
    if (is_stopping_) return;
    on_all_shards([this](std::uint32_t shard,
                         io::Task report) { shards_[shard]->replicas().check_all(std::move(report)); },
                  [] { LOG_INFO("background_check_finished"); });
}

void Node::fail_with(const Error& why) {
    if (std::exchange(has_failed_, true)) return;
    if (booted_ && lifecycle_ == nullptr) {
        home().disk.submit(io::DiskLane{}, std::make_unique<RestoreMarkersJob>(*this, why));
        return;
    }
    observer_.on_failed(why);
}

// ---------------------------------------------------------------- stop

void Node::stop() {
    if (std::exchange(is_stopping_, true)) return;
    LOG_INFO("stopping");
    if (!booted_) return;                             // on_booted sees it
    if (!is_serving_) return observer_.on_stopped();  // nothing was served: as after a kill
    for (std::uint32_t i = 0; i < server_.listeners.size(); ++i) home().network.stop_listening(i);
    drain_connections();
}

void Node::drain_connections() {
    constexpr auto k_drain_time = Duration::seconds(3);
    const auto deadline = home().clock.now() + k_drain_time;
    on_all_shards(
        [this, deadline](std::uint32_t shard, io::Task report) {
            shards_[shard]->server().drain(deadline, std::move(report));
        },
        [this] { shut_down_broker(); });
}

void Node::shut_down_broker() {
    lifecycle_->stop([this] { return published_end_; },
                     [this](const Status& status) { on_shut_down(status); });
}

void Node::on_shut_down(const Status& status) {
    if (!status) {
        const auto& why = status.error().detail;
        LOG_WARN("controlled_shutdown_refused", why);
    }
    after_images([this] { close_logs(); });
}

void Node::close_logs() {
    on_all_shards(
        [this](std::uint32_t shard, io::Task report) { shards_[shard]->replicas().close(std::move(report)); },
        [this] { flush_checkpoints(); });
}

void Node::flush_checkpoints() {
    for (std::size_t i = 0; i < booted_->dirs.directories().size(); ++i) {
        const bool is_ours_alone = i >= booted_->dirs.log_directories();  // a metadata.log.dir of its own
        const auto is_sound = [i, is_ours_alone](const auto& shard) {
            return is_ours_alone || shard->replicas().is_clean(i);
        };
        if (!booted_->dirs.directories()[i].failed && std::ranges::all_of(shards_, is_sound))
            clean_.insert(i);
    }
    checkpointer_->flush([this](const std::set<std::size_t>& failed) {
        for (const auto directory : failed) clean_.erase(directory);
        close_metadata_log();
    });
}

void Node::close_metadata_log() {
    quorum_->close([this](const Status& status) {
        if (!status) {
            LOG_ERROR("metadata_log_close_failed", status.error().detail);
            clean_.erase(booted_->dirs.metadata_directory());
        }
        mark_clean();
    });
}

void Node::mark_clean() { home().disk.submit(io::DiskLane{}, std::make_unique<MarkCleanJob>(*this)); }

void Node::finish_stop() {
    const auto clean_directories = clean_.size();
    LOG_INFO("stopped", clean_directories);
    observer_.on_stopped();
}

void Node::check_invariants() const {
    if (quorum_ != nullptr) quorum_->check_invariants();
    for (const auto& shard : shards_) shard->check_invariants();
}

}  // namespace gregor::node
