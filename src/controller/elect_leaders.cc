// ElectLeaders v0..v2.   v0 elects preferred leaders only · v1 unclean elections too (KIP-460)
#include <fmt/format.h>

#include <set>

#include "controller/administration.h"
#include "controller/leadership.h"

namespace gregor::controller {
namespace {

constexpr std::int8_t k_preferred = 0;
constexpr std::int8_t k_unclean = 1;

class LeaderElection {
public:
    LeaderElection(const msg::ElectLeadersRequest& request, const DecisionContext& context)
        : request_(request), context_(context), is_unclean_(request.election_type == k_unclean) {}

    Decision<msg::ElectLeadersResponse> decide() {
        if (request_.topic_partitions && request_.topic_partitions->empty()) return std::move(decision_);
        if (request_.election_type != k_preferred && request_.election_type != k_unclean) {
            refuse(fmt::format("Unknown election type {}", request_.election_type));
            return std::move(decision_);
        }
        if (request_.topic_partitions) {
            for (const auto& topic : *request_.topic_partitions) elect_named(topic.topic, topic.partitions);
        } else {
            for (const auto& [name, topic] : context_.state.topics_by_name) elect_all(*topic);
        }
        return std::move(decision_);
    }

private:
    // The whole request; whoever named partitions is told for each of them.
    void refuse(std::string why) {
        decision_.response.error_code = ErrorCode::invalid_request;
        if (!request_.topic_partitions) return;
        const auto message = decision_.keep(std::move(why));
        for (const auto& topic : *request_.topic_partitions) {
            auto& row = decision_.response.replica_election_results.emplace_back();
            row.topic = topic.topic;
            for (const auto number : topic.partitions) {
                auto& result = row.partition_result.emplace_back();
                result.partition_id = number;
                result.error_code = ErrorCode::invalid_request;
                result.error_message = message;
            }
        }
    }

    void elect_named(std::string_view name, const List<std::int32_t>& partitions) {
        auto& row = decision_.response.replica_election_results.emplace_back();
        row.topic = name;
        const auto* topic = context_.state.topic(name);
        for (const auto number : partitions) {
            auto& result = row.partition_result.emplace_back();
            result.partition_id = number;
            result.error_message = std::nullopt;
            const auto status = elect(topic, name, PartitionIndex{number});
            if (status) continue;
            result.error_code = status.error().code;
            result.error_message = decision_.keep(status.error().detail);
        }
    }

    // Whoever asks for everything is told of what was done, and of what should have been.
    void elect_all(const metadata::Topic& topic) {
        auto& row = decision_.response.replica_election_results.emplace_back();
        row.topic = topic.name;
        for (const auto& [index, partition] : topic.partitions) {
            const auto status = elect(&topic, topic.name, index);
            if (!status && status.error().code == ErrorCode::election_not_needed) continue;
            auto& result = row.partition_result.emplace_back();
            result.partition_id = index.value();
            result.error_message = std::nullopt;
            if (status) continue;
            result.error_code = status.error().code;
            result.error_message = decision_.keep(status.error().detail);
        }
    }

    Status elect(const metadata::Topic* topic, std::string_view name, PartitionIndex index) {
        if (topic == nullptr)
            return fail(ErrorCode::unknown_topic_or_partition, fmt::format("No such topic as {}", name));
        const auto* partition = topic->partitions.find(index);
        if (partition == nullptr) {
            return fail(ErrorCode::unknown_topic_or_partition,
                        fmt::format("No such partition as {}-{}", name, index.value()));
        }
        const bool is_fine =
            is_unclean_ ? partition->leader != k_no_broker : partition->leader == partition->replicas.front();
        if (is_fine || already_elected(topic->id, index)) {
            return fail(ErrorCode::election_not_needed, "Leader election not needed for topic partition.");
        }
        auto record =
            elect_leader(context_, *topic, index, is_unclean_ ? Election::unclean : Election::preferred);
        if (record) {
            elected_.insert({topic->id, index});
            decision_.records.push_back(std::move(*record));
            return {};
        }
        if (is_unclean_) {
            return fail(ErrorCode::eligible_leaders_not_available,
                        fmt::format("No replica of {}-{} is alive.", name, index.value()));
        }
        return fail(ErrorCode::preferred_leader_not_available,
                    fmt::format("The preferred leader of {}-{} is not in sync.", name, index.value()));
    }

    // In this very request: the record that was decided is not applied yet.
    bool already_elected(Uuid topic, PartitionIndex index) const { return elected_.contains({topic, index}); }

    const msg::ElectLeadersRequest& request_;
    const DecisionContext& context_;
    const bool is_unclean_;
    std::set<TopicPartitionId> elected_;
    Decision<msg::ElectLeadersResponse> decision_{
        .records = {}, .atomic = false, .response = {}, .texts = {}};
};

}  // namespace

Decision<msg::ElectLeadersResponse> decide(const msg::ElectLeadersRequest& request, std::int16_t,
                                           const DecisionContext& context) {
    return LeaderElection(request, context).decide();
}

}  // namespace gregor::controller
