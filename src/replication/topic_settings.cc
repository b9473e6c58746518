#include "replication/topic_settings.h"

#include <algorithm>
#include <string>

#include "base/assert.h"
#include "metadata/config_table.h"
#include "metadata/effective_config.h"

namespace gregor::replication {
namespace {

// The values in force for one topic, by name.
class Settings {
public:
    Settings(const metadata::ConfigContext& context, std::string_view topic)
        : context_(context), overrides_(context.state.config(metadata::ConfigResourceType::topic, topic)) {}

    std::string text(std::string_view name) const {
        const auto* key = metadata::find_config(metadata::ConfigScope::topic, name);
        ASSERT(key != nullptr);
        return metadata::topic_value(context_, *key, overrides_).value_or("");
    }
    std::int64_t number(std::string_view name) const { return metadata::to_int64(text(name)); }
    std::int32_t number32(std::string_view name) const { return static_cast<std::int32_t>(number(name)); }
    bool flag(std::string_view name) const { return metadata::to_bool(text(name)); }

    std::int64_t broker_number(std::string_view name) const {
        const auto* key = metadata::find_config(metadata::ConfigScope::broker, name);
        ASSERT(key != nullptr);
        return metadata::to_int64(metadata::broker_value(context_, *key).value_or("0"));
    }
    bool broker_flag(std::string_view name) const {
        const auto* key = metadata::find_config(metadata::ConfigScope::broker, name);
        ASSERT(key != nullptr);
        return metadata::to_bool(metadata::broker_value(context_, *key).value_or("true"));
    }

private:
    const metadata::ConfigContext context_;
    const metadata::ConfigMap* overrides_;
};

storage::TopicCompression compression_of(std::string_view text) {
    using enum storage::TopicCompression;
    if (text == "uncompressed") return uncompressed;
    if (text == "gzip") return gzip;
    if (text == "snappy") return snappy;
    if (text == "lz4") return lz4;
    if (text == "zstd") return zstd;
    return producer;
}

void set_cleanup(const Settings& settings, storage::LogConfig& log) {
    const auto text = settings.text("cleanup.policy");
    const auto policies = metadata::to_list(text);
    log.cleanup_delete = std::ranges::find(policies, "delete") != policies.end();
    log.cleanup_compact = std::ranges::find(policies, "compact") != policies.end();
    log.min_cleanable_dirty_ratio = metadata::to_float64(settings.text("min.cleanable.dirty.ratio"));
    log.min_compaction_lag_ms = settings.number("min.compaction.lag.ms");
    log.max_compaction_lag_ms = settings.number("max.compaction.lag.ms");
    log.delete_retention_ms = settings.number("delete.retention.ms");
    log.file_delete_delay_ms = settings.number("file.delete.delay.ms");
}

void set_segments(const Settings& settings, storage::LogConfig& log) {
    log.segment_bytes = settings.number32("segment.bytes");
    log.segment_ms = settings.number("segment.ms");
    log.segment_jitter_ms = settings.number("segment.jitter.ms");
    log.segment_index_bytes = settings.number32("segment.index.bytes");
    log.index_interval_bytes = settings.number32("index.interval.bytes");
    log.preallocate = settings.flag("preallocate");
    log.flush_messages = settings.number("flush.messages");
    log.flush_ms = settings.number("flush.ms");
    log.retention_ms = settings.number("retention.ms");
    log.retention_bytes = settings.number("retention.bytes");
    log.local_retention_ms = settings.number("local.retention.ms");
    log.local_retention_bytes = settings.number("local.retention.bytes");
}

void set_messages(const Settings& settings, storage::LogConfig& log) {
    log.max_message_bytes = settings.number32("max.message.bytes");
    log.message_timestamp_type = settings.text("message.timestamp.type") == "LogAppendTime"
                                     ? storage::TimestampType::log_append_time
                                     : storage::TimestampType::create_time;
    log.message_timestamp_before_max_ms = settings.number("message.timestamp.before.max.ms");
    log.message_timestamp_after_max_ms = settings.number("message.timestamp.after.max.ms");
    log.compression_type = compression_of(settings.text("compression.type"));
    log.compression_gzip_level = settings.number32("compression.gzip.level");
    log.compression_lz4_level = settings.number32("compression.lz4.level");
    log.compression_zstd_level = settings.number32("compression.zstd.level");
    log.producer_id_expiration_ms = settings.broker_number("producer.id.expiration.ms");
    log.verify_transactions = settings.broker_flag("transaction.partition.verification.enable");
}

}  // namespace

CleanerSettings cleaner_settings(const metadata::ClusterState& state, BrokerId broker,
                                 const metadata::ConfigSource& broker_configs) {
    const metadata::ConfigContext context{.state = state, .properties = broker_configs, .node = broker};
    const auto value = [&](std::string_view name) {
        const auto* key = metadata::find_config(metadata::ConfigScope::broker, name);
        ASSERT(key != nullptr);
        return metadata::broker_value(context, *key).value_or("0");
    };
    constexpr std::int64_t k_backoff_ms_max = 24 * 3'600'000;
    return {.enabled = metadata::to_bool(value("log.cleaner.enable")),
            .dedupe_buffer_bytes = metadata::to_int64(value("log.cleaner.dedupe.buffer.size")),
            .load_factor = metadata::to_float64(value("log.cleaner.io.buffer.load.factor")),
            .bytes_per_second_max = metadata::to_float64(value("log.cleaner.io.max.bytes.per.second")),
            .backoff = Duration::millis(
                std::min(metadata::to_int64(value("log.cleaner.backoff.ms")), k_backoff_ms_max))};
}

TopicSettings topic_settings(const metadata::ClusterState& state, std::string_view topic, BrokerId broker,
                             const metadata::ConfigSource& broker_configs, storage::Durability durability) {
    const Settings settings({.state = state, .properties = broker_configs, .node = broker}, topic);
    TopicSettings result;
    set_segments(settings, result.log);
    set_cleanup(settings, result.log);
    set_messages(settings, result.log);
    result.log.durability = durability;
    result.min_insync_replicas = settings.number32("min.insync.replicas");
    return result;
}

}  // namespace gregor::replication
