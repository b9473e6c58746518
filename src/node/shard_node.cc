#include "node/shard_node.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

namespace gregor::node {
namespace {

coordinator::MigrationPolicy migration_policy(std::string_view text) {
    std::string name;
    for (const char c : text) name.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    if (name == "disabled") return coordinator::MigrationPolicy::disabled;
    if (name == "upgrade") return coordinator::MigrationPolicy::upgrade;
    if (name == "downgrade") return coordinator::MigrationPolicy::downgrade;
    return coordinator::MigrationPolicy::bidirectional;
}

coordinator::ConsumerGroupConfig consumer_group_config(const Settings& settings) {
    const auto number32 = [&](std::string_view key) {
        return static_cast<std::int32_t>(settings.number(key));
    };
    coordinator::ConsumerGroupConfig config;
    config.session_timeout_ms = number32("group.consumer.session.timeout.ms");
    config.min_session_timeout_ms = number32("group.consumer.min.session.timeout.ms");
    config.max_session_timeout_ms = number32("group.consumer.max.session.timeout.ms");
    config.heartbeat_interval_ms = number32("group.consumer.heartbeat.interval.ms");
    config.min_heartbeat_interval_ms = number32("group.consumer.min.heartbeat.interval.ms");
    config.max_heartbeat_interval_ms = number32("group.consumer.max.heartbeat.interval.ms");
    config.assignment_interval_ms = number32("group.consumer.assignment.interval.ms");
    config.min_assignment_interval_ms = number32("group.consumer.min.assignment.interval.ms");
    config.max_assignment_interval_ms = number32("group.consumer.max.assignment.interval.ms");
    config.max_size = number32("group.consumer.max.size");
    config.regex_refresh_interval_ms = number32("group.consumer.regex.refresh.interval.ms");
    config.migration = migration_policy(settings.text("group.consumer.migration.policy"));
    std::vector<std::string> assignors;
    for (const auto name : settings.list("group.consumer.assignors"))
        if (std::ranges::find(config.assignors, name) != config.assignors.end()) assignors.emplace_back(name);
    if (!assignors.empty()) config.assignors = std::move(assignors);
    return config;
}

coordinator::GroupConfig group_config(const Settings& settings, BrokerId node_id) {
    constexpr std::int64_t k_ms_per_minute = 60'000;
    const auto number32 = [&](std::string_view key) {
        return static_cast<std::int32_t>(settings.number(key));
    };
    coordinator::GroupConfig config;
    config.node_id = std::to_string(node_id.value());
    config.min_session_timeout_ms = number32("group.min.session.timeout.ms");
    config.max_session_timeout_ms = number32("group.max.session.timeout.ms");
    config.initial_rebalance_delay_ms = number32("group.initial.rebalance.delay.ms");
    config.max_size = number32("group.max.size");
    config.offset_metadata_max_bytes = number32("offset.metadata.max.bytes");
    config.offsets_retention_ms = settings.number("offsets.retention.minutes") * k_ms_per_minute;
    config.retention_check_interval_ms = settings.number("offsets.retention.check.interval.ms");
    config.offsets_partitions = number32("offsets.topic.num.partitions");
    config.consumer = consumer_group_config(settings);
    return config;
}

coordinator::TxnConfig txn_config(const Settings& settings) {
    coordinator::TxnConfig config;
    config.timeout_ms_max = static_cast<std::int32_t>(settings.number("transaction.max.timeout.ms"));
    config.id_expiration_ms = settings.number("transactional.id.expiration.ms");
    config.abort_interval_ms = settings.number("transaction.abort.timed.out.transaction.cleanup.interval.ms");
    config.expiration_interval_ms =
        settings.number("transaction.remove.expired.transaction.cleanup.interval.ms");
    return config;
}

server::TransactionGate::Options gate_options(const Settings& settings) {
    return {.retry_delay = Duration::millis(settings.number("add.partitions.to.txn.retry.backoff.ms")),
            .retry_max = Duration::millis(settings.number("add.partitions.to.txn.retry.backoff.max.ms"))};
}

replication::ReplicaShardConfig replica_config(const NodeConfig& config, const MemoryPlan& memory) {
    const auto duration = [&](std::string_view key) {
        constexpr std::int64_t k_ms_max = std::int64_t{10} * 365 * 24 * 3'600'000;
        return Duration::millis(std::min(config.settings.number(key), k_ms_max));
    };
    return {.broker_id = config.node_id,
            .durability = config.durability,
            .tail_cache_bytes = memory.tail_cache_bytes,
            .write_queue_bytes = memory.write_queue_bytes,
            .disk_reserve_bytes = config.settings.number("gregor.disk.reserve.bytes"),
            .initial_task_delay = duration("log.initial.task.delay.ms"),
            .retention_check_interval = duration("log.retention.check.interval.ms"),
            .producer_expiration_interval = duration("producer.id.expiration.check.interval.ms"),
            .idle_partition_after = duration("gregor.partition.idle.ms"),
            .mark_bytes = config.mark_bytes};
}

server::FetchSessions::Config session_config(const server::ServerConfig& server,
                                             const io::ShardPorts& ports) {
    const auto shards = ports.shards.count();
    server::FetchSessions::Config config;
    config.slots_max = (static_cast<std::size_t>(server.fetch_session_slots_max) + shards - 1) / shards;
    config.shard = ports.shard.value();
    config.shard_count = shards;
    config.seed = ports.random.next();
    return config;
}

// A directory that failed on one shard has failed on all of them.
struct OfflineNews {
    io::Shards* shards;
    std::vector<replication::ReplicaShard*> replica_shards;
    DirectoryObserver* observer;
    void operator()(std::size_t directory, const Error& why) const {
        shards->submit(ShardId{0}, [observer = observer, directory, why] {
            observer->on_directory_offline(directory, why);
        });
        for (std::uint32_t i = 0; i < replica_shards.size(); ++i) {
            auto* shard = replica_shards[i];
            shards->submit(ShardId{i}, [shard, directory, why] { shard->take_offline(directory, why); });
        }
    }
};

}  // namespace

server::QuotaWindow quota_window(const Settings& settings) {
    return {.samples = static_cast<std::size_t>(settings.number("quota.window.num")),
            .sample = Duration::seconds(settings.number("quota.window.size.seconds"))};
}

ShardNode::ShardNode(const io::ShardPorts& ports, const NodeParts& parts,
                     std::unique_ptr<metadata::ControllerChannel> channel)
    : ports_(ports),
      image_(parts.first_image),
      channel_(std::move(channel)),
      directory_assigner_(*channel_, image_, parts.config.node_id),
      replica_shard_(ports, replica_config(parts.config, parts.memory), parts.dirs, parts.config.settings,
                     parts.checkpointer, *this),
      replicas_(ports),
      partition_writer_(ports, replica_shard_, replicas_),
      offsets_placement_(image_, {.topic = k_offsets_topic,
                                  .self = parts.config.node_id,
                                  .shard_count = ports.shards.count(),
                                  .partitions_when_created = parts.config.auto_topics.offsets_partitions}),
      transactions_placement_(image_,
                              {.topic = k_transactions_topic,
                               .self = parts.config.node_id,
                               .shard_count = ports.shards.count(),
                               .partitions_when_created = parts.config.auto_topics.transaction_partitions}),
      groups_({.config = group_config(parts.config.settings, parts.config.node_id),
               .ports = ports,
               .writer = partition_writer_,
               .placement = offsets_placement_,
               .images = image_}),
      auto_topics_(*channel_, parts.config.auto_topics),
      producer_ids_(
          {.ports = ports, .broker_id = parts.config.node_id, .images = image_, .controller = *channel_}),
      markers_(ports, image_, replicas_, groups_),
      transactions_({.config = txn_config(parts.config.settings),
                     .ports = ports,
                     .writer = partition_writer_,
                     .placement = transactions_placement_,
                     .images = image_,
                     .markers = markers_,
                     .producer_ids = producer_ids_}),
      gate_(gate_options(parts.config.settings), ports, replicas_, transactions_),
      fetch_sessions_(session_config(parts.server, ports)),
      waiting_fetches_(replicas_),
      client_quotas_(ports, quota_window(parts.config.settings)),
      services_{.ports = ports,
                .config = parts.server,
                .images = image_,
                .controller = *channel_,
                .configs = parts.config.settings,
                .auto_topics = auto_topics_,
                .replicas = replicas_,
                .groups = groups_,
                .producer_ids = producer_ids_,
                .transactions = transactions_,
                .gate = gate_,
                .markers = markers_,
                .authorizer = parts.authorizer,
                .fetch_sessions = fetch_sessions_,
                .waiting_fetches = waiting_fetches_,
                .quotas = parts.quotas},
      server_(services_, server::ApiTable::standard()) {
    server_.set_client_quotas(client_quotas_);
}

ShardNode::~ShardNode() = default;

void ShardNode::connect(const std::vector<std::unique_ptr<ShardNode>>& shards, DirectoryObserver& observer) {
    std::vector<replication::ReplicaShard*> replica_shards;
    std::vector<replication::FetchHome*> fetch_homes;
    std::vector<coordinator::GroupCoordinator*> coordinators;
    std::vector<coordinator::TxnCoordinator*> transaction_coordinators;
    std::vector<server::ClientQuotas*> client_quotas;
    for (const auto& shard : shards) {
        replica_shards.push_back(&shard->replica_shard_);
        fetch_homes.push_back(&shard->replicas_);
        coordinators.push_back(&shard->groups_);
        transaction_coordinators.push_back(&shard->transactions_);
        client_quotas.push_back(&shard->client_quotas_);
    }
    replica_shard_.set_fetch_homes(std::move(fetch_homes));
    replica_shard_.set_folder_free_broadcast([this, replica_shards](const storage::PartitionName& name) {
        for (std::uint32_t i = 0; i < replica_shards.size(); ++i) {
            auto* shard = replica_shards[i];
            ports_.shards.submit(ShardId{i}, [shard, name] { shard->on_folder_free(name); });
        }
    });
    replica_shard_.set_directory_assigner([this](const auto& assignments, Completion<Status> done) {
        directory_assigner_.assign(assignments, std::move(done));
    });
    replica_shard_.set_offline_broadcast(OfflineNews{&ports_.shards, replica_shards, &observer});
    replicas_.connect(std::move(replica_shards));
    groups_.connect(std::move(coordinators));
    transactions_.connect(std::move(transaction_coordinators));
    client_quotas_.connect(std::move(client_quotas));
}

namespace {

std::set<std::string> changed_topics(const metadata::Image& image, const metadata::Changes& changes) {
    std::set<std::string> names;
    for (const auto& [id, topic] : changes.deleted_topics) names.insert(topic->name);
    for (const auto& [id, partitions] : changes.changed_partitions)
        if (const auto* topic = image.topic(id); topic != nullptr) names.insert(topic->name);
    return names;
}

}  // namespace

void ShardNode::on_image(const Ref<const metadata::Image>& image, const metadata::Changes& changes) {
    image_.set(image);
    if (changes.client_quotas) client_quotas_.on_image(*image);
    replica_shard_.on_image(image, changes);
    if (const auto topics = changed_topics(*image, changes); !topics.empty())
        groups_.on_topics_changed(topics, !changes.created_topics.empty());
    for (const auto& [id, topic] : changes.deleted_topics) groups_.on_topic_deleted(topic->name, id);
}

void ShardNode::on_led_here(const std::string& topic, TopicPartitionId partition, LeaderEpoch epoch) {
    if (topic == k_offsets_topic) groups_.on_elected(partition, epoch);
    if (topic == k_transactions_topic) transactions_.on_elected(partition, epoch);
}

void ShardNode::on_not_led_here(const std::string& topic, TopicPartitionId partition) {
    if (topic == k_offsets_topic) groups_.on_resigned(partition.partition);
    if (topic == k_transactions_topic) transactions_.on_resigned(partition.partition);
}

void ShardNode::check_invariants() const {
    replica_shard_.check_invariants();
    groups_.check_invariants();
    transactions_.check_invariants();
}

}  // namespace gregor::node
