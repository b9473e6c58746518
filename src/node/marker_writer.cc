#include "node/marker_writer.h"

#include <utility>

#include "base/ref.h"
#include "node/placement.h"

namespace gregor::node {
namespace {

// A coordinator that is not there yet is to its partition what a missing leader is to others.
ErrorCode marker_error_of(const Result<ErrorCode>& result) {
    if (result) return *result;
    const auto error = result.error().code;
    const bool is_missing = error == ErrorCode::coordinator_not_available ||
                            error == ErrorCode::coordinator_load_in_progress ||
                            error == ErrorCode::not_coordinator;
    return is_missing ? ErrorCode::not_leader_or_follower : error;
}

}  // namespace

// Outcomes by place; answers when the last is there.
class ReplicaMarkerWriter::Gather final : public RefCounted {
public:
    Gather(std::size_t size, Completion<std::vector<ErrorCode>> done)
        : errors_(size, ErrorCode::none), done_(std::move(done)) {}

    void expect(std::size_t parts) { missing_ = parts; }
    void set(std::size_t place, ErrorCode error) { errors_[place] = error; }
    void finish_part() {
        if (--missing_ == 0) done_(std::move(errors_));
    }

    struct OfReplicas {
        Ref<Gather> gather;
        std::vector<std::size_t> places;
        void operator()(const std::vector<replication::AppendOutcome>& outcomes) const {
            for (std::size_t i = 0; i < places.size(); ++i) gather->set(places[i], outcomes[i].error);
            gather->finish_part();
        }
    };
    struct OfGroups {
        Ref<Gather> gather;
        std::size_t place;
        void operator()(const Result<ErrorCode>& result) const {
            gather->set(place, marker_error_of(result));
            gather->finish_part();
        }
    };

private:
    std::vector<ErrorCode> errors_;
    Completion<std::vector<ErrorCode>> done_;
    std::size_t missing_ = 0;
};

void ReplicaMarkerWriter::write(const coordinator::TransactionEnd& end,
                                const std::vector<coordinator::TxnPartition>& partitions,
                                Completion<std::vector<ErrorCode>> done) {
    const auto image = images_.current();
    const auto gather = make_ref<Gather>(partitions.size(), std::move(done));
    std::vector<replication::PartitionAppend> appends;
    std::vector<std::size_t> append_places;
    std::vector<std::size_t> group_places;
    for (std::size_t place = 0; place < partitions.size(); ++place) {
        const PartitionIndex index{partitions[place].partition};
        const auto* topic = image->topic(partitions[place].topic);
        if (topic == nullptr || !topic->partitions.contains(index)) {
            gather->set(place, ErrorCode::unknown_topic_or_partition);
        } else if (topic->name == k_offsets_topic) {
            group_places.push_back(place);
        } else {
            append_places.push_back(place);
            appends.push_back(replication::marker_append({.partition = {topic->id, index},
                                                          .producer_id = end.producer_id,
                                                          .producer_epoch = end.epoch,
                                                          .coordinator_epoch = end.coordinator_epoch,
                                                          .commits = end.commits},
                                                         ports_.clock.wall_clock_ms()));
        }
    }
    gather->expect(group_places.size() + 2);  // the appends, and this call
    replication::AppendOptions options;
    options.origin = records::AppendOrigin::coordinator;
    options.transaction_version = static_cast<storage::TransactionVersion>(end.version);
    replicas_.append(std::move(appends), options, Gather::OfReplicas{gather, std::move(append_places)});
    for (const auto place : group_places)
        groups_.end_transaction({.partition = PartitionIndex{partitions[place].partition}, .end = end},
                                Gather::OfGroups{gather, place});
    gather->finish_part();
}

}  // namespace gregor::node
