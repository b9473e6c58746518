#include "controller/activation.h"

#include <algorithm>

#include "gen/meta/abort_transaction.h"
#include "gen/meta/begin_transaction.h"
#include "gen/meta/config.h"
#include "gen/meta/end_transaction.h"
#include "gen/meta/feature_level.h"
#include "gen/meta/register_controller.h"
#include "metadata/delta.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

Slice feature_record(std::string_view name, std::int16_t level) {
    msg::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    return metadata::encode_record(record, 0);
}

Slice abort_record() {
    msg::AbortTransactionRecord record;
    record.reason = "Controller failover";
    return metadata::encode_record(record, 0);
}

// What the bootstrap records alone make of a cluster.
metadata::ClusterState bootstrapped(const std::vector<Slice>& records) {
    metadata::Delta delta{metadata::ClusterState{}};
    for (const auto& record : records) {
        const auto replayed = delta.replay(record.bytes());
        ASSERT_MSG(replayed.has_value(), "bootstrap records are checked where they are read");
    }
    return delta.state();
}

std::vector<Slice> bootstrap_batch(const Takeover& takeover) {
    const auto cluster = bootstrapped(takeover.bootstrap);
    const bool in_transaction = metadata::has_metadata_transactions(cluster.metadata_version);
    std::vector<Slice> records;
    if (in_transaction) {
        msg::BeginTransactionRecord begin;
        begin.name = "Bootstrap records";
        records.push_back(metadata::encode_record(begin, 0));
    }
    std::ranges::copy(takeover.bootstrap, std::back_inserter(records));
    if (cluster.has_elr()) {  // KIP-966: from now on the cluster has one value for all
        const auto text = std::to_string(takeover.min_insync_replicas);
        msg::ConfigRecord config;
        config.resource_type = static_cast<std::int8_t>(metadata::ConfigResourceType::broker);
        config.name = "min.insync.replicas";
        config.value = text;
        records.push_back(metadata::encode_record(config, 0));
    }
    if (in_transaction) records.push_back(metadata::encode_record(msg::EndTransactionRecord{}, 0));
    return records;
}

}  // namespace

std::vector<Slice> feature_records(const FeatureLevels& levels) {
    std::vector<Slice> records;
    const auto release = levels.find(metadata::k_metadata_version);
    if (release != levels.end()) records.push_back(feature_record(release->first, release->second));
    for (const auto& [feature, level] : levels) {
        const bool is_elsewhere =
            feature == metadata::k_metadata_version || feature == metadata::k_kraft_version;
        if (!is_elsewhere && level != 0) records.push_back(feature_record(feature, level));
    }
    return records;
}

std::vector<Slice> initial_feature_records() {
    FeatureLevels levels;
    for (const auto& feature : metadata::supported_features()) levels.emplace(feature.name, feature.initial);
    return feature_records(levels);
}

std::vector<Slice> activation_records(const Takeover& takeover) {
    std::vector<Slice> records;
    if (takeover.in_transaction) records.push_back(abort_record());
    if (takeover.state.metadata_version == 0) {
        auto bootstrap = bootstrap_batch(takeover);
        std::ranges::move(bootstrap, std::back_inserter(records));
    }
    return records;
}

std::vector<Slice> controller_registration(const ControllerIdentity& identity,
                                           const metadata::ClusterState& state) {
    const auto* before = state.controllers.find(identity.id);
    if (!metadata::has_controller_registration(state.metadata_version) ||
        (before != nullptr && before->incarnation_id == identity.incarnation_id))
        return {};
    msg::RegisterControllerRecord record;
    record.controller_id = identity.id.value();
    record.incarnation_id = identity.incarnation_id;
    for (const auto& endpoint : identity.endpoints) {
        auto& out = record.end_points.emplace_back();
        out.name = endpoint.name;
        out.host = endpoint.host;
        out.port = endpoint.port;
        out.security_protocol = endpoint.security_protocol;
    }
    for (const auto& feature : metadata::supported_features()) {
        auto& out = record.features.emplace_back();
        out.name = feature.name;
        out.min_supported_version = feature.min;
        out.max_supported_version = feature.max;
    }
    return {metadata::encode_record(record, 0)};
}

}  // namespace gregor::controller
