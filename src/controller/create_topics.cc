// CreateTopics v2..v7.   v5 answers the topic's configs · v7 its id
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "controller/placement.h"
#include "controller/topics.h"
#include "gen/meta/config.h"
#include "gen/meta/topic.h"
#include "metadata/record_codec.h"
#include "metadata/topic_name.h"

namespace gregor::controller {
namespace {

using Topic = msg::CreateTopicsRequest::CreatableTopic;
using Outcome = msg::CreateTopicsResponse::CreatableTopicResult;
using ConfigRow = msg::CreateTopicsResponse::CreatableTopicConfigs;
constexpr std::string_view k_metadata_topic = "__cluster_metadata";

// A topic as it will be: everything checked.
struct Draft {
    std::vector<metadata::Partition> partitions;
    metadata::ConfigMap configs;
    std::int16_t replication_factor = 0;
};

class TopicCreation {
public:
    TopicCreation(const msg::CreateTopicsRequest& request, const DecisionContext& context,
                  MutationQuota& quota)
        : request_(request), context_(context), quota_(quota) {}

    Decision<msg::CreateTopicsResponse> decide() {
        count_names();
        if (total_partitions() > static_cast<std::int64_t>(k_records_per_batch_max)) return refuse_all();
        std::set<std::string_view> answered;
        for (const auto& topic : request_.topics) {
            if (!answered.insert(topic.name).second) continue;  // a repeated name is answered once
            const auto draft = check(topic);
            if (draft) {
                accept(topic, *draft);
            } else {
                refuse(topic, draft.error());
            }
        }
        if (decision_.records.size() > k_records_per_batch_max) return refuse_all();
        if (request_.validate_only) decision_.records.clear();
        return std::move(decision_);
    }

private:
    void count_names() {
        bool any_may_collide = false;
        for (const auto& topic : request_.topics) {
            ++name_count_[topic.name];
            any_may_collide |= metadata::has_collision_chars(topic.name);
        }
        if (!any_may_collide) return;
        for (const auto& [name, topic] : context_.state.topics_by_name) {
            if (metadata::has_collision_chars(name)) colliding_.emplace(metadata::collision_form(name), name);
        }
    }

    std::int64_t total_partitions() const {
        std::int64_t total = 0;
        for (const auto& topic : request_.topics) {
            const auto assigned = static_cast<std::int64_t>(topic.assignments.size());
            const auto wanted =
                topic.num_partitions == -1 ? context_.settings.num_partitions : topic.num_partitions;
            total += assigned > 0 ? assigned : std::max(wanted, 0);
        }
        return total;
    }

    Decision<msg::CreateTopicsResponse> refuse_all() {
        decision_ = {};
        std::set<std::string_view> answered;
        for (const auto& topic : request_.topics) {
            if (!answered.insert(topic.name).second) continue;
            refuse(topic,
                   {ErrorCode::policy_violation,
                    fmt::format("Excessively large number of partitions per request: at most {} records fit "
                                "one request; create fewer topics at a time.",
                                k_records_per_batch_max)});
        }
        return std::move(decision_);
    }

    void refuse(const Topic& topic, const Error& why) {
        auto& outcome = decision_.response.topics.emplace_back();
        outcome.name = topic.name;
        outcome.error_code = why.code;
        outcome.error_message = decision_.keep(why.detail);
    }

    Result<Draft> check(const Topic& topic) {
        if (name_count_[topic.name] > 1) return fail(ErrorCode::invalid_request, "Duplicate topic name.");
        if (topic.name == k_metadata_topic) {
            return fail(ErrorCode::invalid_request,
                        fmt::format("Creation of internal topic {} is prohibited.", k_metadata_topic));
        }
        TRY_STATUS(check_name(topic.name));
        Draft draft;
        draft.configs = TRY(check_configs(topic));
        draft.partitions = topic.assignments.empty() ? TRY(place(topic)) : TRY(assign(topic));
        draft.replication_factor = static_cast<std::int16_t>(draft.partitions.front().replicas.size());
        TRY_STATUS(quota_.charge(draft.partitions.size()));  // also when it is only validated
        return draft;
    }

    Status check_name(std::string_view name) const {
        TRY_STATUS(metadata::check_topic_name(name));
        if (context_.state.topic(name) != nullptr)
            return fail(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", name));
        if (!metadata::has_collision_chars(name)) return {};
        const auto other = colliding_.find(metadata::collision_form(name));
        if (other == colliding_.end()) return {};
        return fail(ErrorCode::invalid_topic_exception,
                    fmt::format("Topic '{}' collides with existing topic: {}", name, other->second));
    }

    Result<metadata::ConfigMap> check_configs(const Topic& topic) const {
        metadata::ConfigMap configs;
        for (const auto& config : topic.configs) {
            if (!config.value) {
                return fail(ErrorCode::invalid_config,
                            fmt::format("Null value not supported for topic configs: {}", config.name));
            }
            configs.set(std::string(config.name), std::string(*config.value));
        }
        TRY_STATUS(metadata::check_topic_configs(context_.configs(), configs));
        return configs;
    }

    Result<std::vector<metadata::Partition>> assign(const Topic& topic) const {
        if (topic.replication_factor != -1) {
            return fail(ErrorCode::invalid_request,
                        "A manual partition assignment was specified, but replication "
                        "factor was not set to -1.");
        }
        if (topic.num_partitions != -1) {
            return fail(ErrorCode::invalid_request,
                        "A manual partition assignment was specified, but numPartitions was "
                        "not set to -1.");
        }
        std::map<std::int32_t, std::vector<BrokerId>> by_index;
        std::size_t replication_factor = 0;
        for (const auto& assignment : topic.assignments) {
            const std::vector<BrokerId> replicas(assignment.broker_ids.begin(), assignment.broker_ids.end());
            if (by_index.contains(assignment.partition_index)) {
                return fail(ErrorCode::invalid_replica_assignment,
                            fmt::format("Found multiple manual partition assignments for partition {}",
                                        assignment.partition_index));
            }
            TRY_STATUS(check_assignment(context_.state, replicas, replication_factor));
            replication_factor = replicas.size();
            by_index.emplace(assignment.partition_index, replicas);
        }
        return to_partitions(by_index);
    }

    Result<std::vector<metadata::Partition>> to_partitions(
        const std::map<std::int32_t, std::vector<BrokerId>>& by_index) const {
        std::vector<metadata::Partition> partitions;
        for (const auto& [index, replicas] : by_index) {
            if (index != static_cast<std::int32_t>(partitions.size())) {
                return fail(ErrorCode::invalid_replica_assignment,
                            "partitions should be a consecutive 0-based integer sequence");
            }
            partitions.push_back(new_partition(context_.state, replicas));
            if (!partitions.back().isr.empty()) continue;
            return fail(
                ErrorCode::invalid_replica_assignment,
                fmt::format("All brokers specified in the manual partition assignment for partition {} are "
                            "fenced or in controlled shutdown.",
                            index));
        }
        return partitions;
    }

    Result<std::vector<metadata::Partition>> place(const Topic& topic) const {
        if (topic.replication_factor < -1 || topic.replication_factor == 0) {
            return fail(ErrorCode::invalid_replication_factor,
                        "Replication factor must be larger than 0, or -1 to use the default value.");
        }
        if (topic.num_partitions < -1 || topic.num_partitions == 0) {
            return fail(ErrorCode::invalid_partitions,
                        "Number of partitions was set to an invalid non-positive value.");
        }
        const auto& settings = context_.settings;
        const PlacementRequest request{
            .partitions = topic.num_partitions == -1 ? settings.num_partitions : topic.num_partitions,
            .replication_factor = topic.replication_factor == -1 ? settings.default_replication_factor
                                                                 : topic.replication_factor};
        auto placed = place_replicas(context_.state, request);
        if (!placed) {
            return fail(placed.error().code, fmt::format("Unable to replicate the partition {} time(s): {}",
                                                         request.replication_factor, placed.error().detail));
        }
        std::vector<metadata::Partition> partitions;
        for (auto& replicas : *placed)
            partitions.push_back(new_partition(context_.state, std::move(replicas)));
        return partitions;
    }

    void accept(const Topic& topic, const Draft& draft) {
        const auto id = context_.ids.next();
        write_records(topic, draft, id);
        auto& outcome = decision_.response.topics.emplace_back();
        outcome.name = topic.name;
        outcome.topic_id = id;
        outcome.error_message = std::nullopt;
        outcome.num_partitions = static_cast<std::int32_t>(draft.partitions.size());
        outcome.replication_factor = draft.replication_factor;
        describe_configs(draft, outcome);
    }

    void write_records(const Topic& topic, const Draft& draft, Uuid id) {
        msg::TopicRecord record;
        record.name = topic.name;
        record.topic_id = id;
        decision_.records.push_back(metadata::encode_record(record, 0));
        for (const auto& [name, value] : draft.configs) {
            msg::ConfigRecord config;
            config.resource_type = static_cast<std::int8_t>(metadata::ConfigResourceType::topic);
            config.resource_name = topic.name;
            config.name = name;
            config.value = value;
            decision_.records.push_back(metadata::encode_record(config, 0));
        }
        for (std::size_t i = 0; i < draft.partitions.size(); ++i) {
            const PartitionIndex index{static_cast<std::int32_t>(i)};
            decision_.records.push_back(encode_new_partition(context_.state, id, index, draft.partitions[i]));
        }
    }

    void describe_configs(const Draft& draft, Outcome& outcome) {
        auto& configs = outcome.configs.emplace(inherited_configs());
        for (const auto& [name, value] : draft.configs) {
            const auto row = std::ranges::find(configs, std::string_view(name), &ConfigRow::name);
            if (row == configs.end()) continue;  // an internal one
            row->value = decision_.keep(value);
            row->config_source = static_cast<std::int8_t>(metadata::ConfigOrigin::dynamic_topic);
        }
    }

    // The same for all topics of a request.
    const std::vector<ConfigRow>& inherited_configs() {
        if (!inherited_.empty()) return inherited_;
        for (const auto& key : metadata::config_keys(metadata::ConfigScope::topic)) {
            if (key.is_internal) continue;
            const auto given = metadata::given_topic_config(context_.configs(), key);
            auto& row = inherited_.emplace_back();
            row.name = key.name;
            row.value = given.value ? std::optional(decision_.keep(*given.value)) : std::nullopt;
            row.read_only = false;
            row.config_source = static_cast<std::int8_t>(given.origin);
            row.is_sensitive = key.is_sensitive();
        }
        return inherited_;
    }

    const msg::CreateTopicsRequest& request_;
    const DecisionContext& context_;
    MutationQuota& quota_;
    std::map<std::string_view, int> name_count_;
    std::map<std::string, std::string, std::less<>> colliding_;  // existing names by their collision form
    Decision<msg::CreateTopicsResponse> decision_;
    std::vector<ConfigRow> inherited_;  // views texts of decision_
};

}  // namespace

Decision<msg::CreateTopicsResponse> decide(const msg::CreateTopicsRequest& request, std::int16_t,
                                           const DecisionContext& context, MutationQuota& quota) {
    return TopicCreation(request, context, quota).decide();
}

}  // namespace gregor::controller
