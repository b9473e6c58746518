// WriteTxnMarkers v1..v2.   v2 the transaction's version (KIP-1228)
// What a coordinator on another broker, or an administrator who ends a hanging transaction, asks for.
#include "gen/api/write_txn_markers.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ref.h"
#include "coordinator/txn/marker_writer.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

using msg::WriteTxnMarkersRequest;
using msg::WriteTxnMarkersResponse;
using Marker = WriteTxnMarkersRequest::WritableTxnMarker;

coordinator::TransactionVersion version_of(std::int8_t number) {
    if (number >= 2) return coordinator::TransactionVersion::tv2;
    return number == 1 ? coordinator::TransactionVersion::tv1 : coordinator::TransactionVersion::tv0;
}

coordinator::TransactionEnd end_of(const Marker& marker) {
    return {.producer_id = ProducerId{marker.producer_id},
            .epoch = marker.producer_epoch,
            .coordinator_epoch = marker.coordinator_epoch,
            .commits = marker.transaction_result,
            .version = version_of(marker.transaction_version)};
}

std::vector<coordinator::TxnPartition> partitions_of(const Marker& marker) {
    std::vector<coordinator::TxnPartition> partitions;
    for (const auto& topic : marker.topics)
        for (const auto index : topic.partition_indexes)
            partitions.push_back({.topic = std::string(topic.name), .partition = index});
    return partitions;
}

// Gathers the markers of one request, in its order.
class MarkersCall final : public RefCounted {
public:
    MarkersCall(const WriteTxnMarkersRequest& request, Completion<WriteTxnMarkersResponse> done)
        : request_(request),
          done_(std::move(done)),
          results_(request.markers.size()),
          missing_(request.markers.size() + 1) {}

    void start(coordinator::MarkerWriter& writer) {
        for (std::size_t place = 0; place < request_.markers.size(); ++place) {
            const auto& marker = request_.markers[place];
            writer.write(end_of(marker), partitions_of(marker), Answer{Ref<MarkersCall>(this), place});
        }
        finish_one();
    }
    void refuse(ErrorCode error) {
        for (std::size_t place = 0; place < request_.markers.size(); ++place)
            set(place, std::vector(partitions_of(request_.markers[place]).size(), error));
        finish_one();
    }

private:
    struct Answer {
        Ref<MarkersCall> call;
        std::size_t place;
        void operator()(std::vector<ErrorCode> errors) const { call->set(place, std::move(errors)); }
    };

    void set(std::size_t place, std::vector<ErrorCode> errors) {
        results_[place] = std::move(errors);
        finish_one();
    }

    void finish_one() {
        if (--missing_ > 0) return;
        Errors errors;
        for (std::size_t place = 0; place < results_.size(); ++place) collect(place, errors);
        WriteTxnMarkersResponse response;
        for (const auto& [producer, topics] : errors) {
            auto& result = response.markers.emplace_back();
            result.producer_id = producer;
            for (const auto& [topic, partitions] : topics) {
                auto& entry = result.topics.emplace_back();
                entry.name = topic;
                for (const auto& [index, error] : partitions) entry.partitions.push_back({index, error, {}});
            }
        }
        done_(std::move(response));
    }

    // By producer, topic and partition: what is marked twice has one row, and what marks nothing has none.
    using Errors = std::map<std::int64_t, std::map<std::string_view, std::map<std::int32_t, ErrorCode>>>;

    void collect(std::size_t place, Errors& errors) const {
        const auto& marker = request_.markers[place];
        std::size_t next = 0;
        for (const auto& topic : marker.topics)
            for (const auto index : topic.partition_indexes)
                errors[marker.producer_id][topic.name][index] = results_[place][next++];
    }

    const WriteTxnMarkersRequest& request_;
    Completion<WriteTxnMarkersResponse> done_;
    std::vector<std::vector<ErrorCode>> results_;
    std::size_t missing_;  // one more than markers, until all are asked for
};

}  // namespace

void handle_write_txn_markers(const WriteTxnMarkersRequest& request, RequestContext& context,
                              Completion<WriteTxnMarkersResponse> done) {
    const auto call = make_ref<MarkersCall>(request, std::move(done));
    const bool may_write = context.allows_cluster(security::Operation::alter) ||
                           context.allows_cluster(security::Operation::cluster_action);
    if (!may_write) return call->refuse(ErrorCode::cluster_authorization_failed);
    // Of nobody: Kafka, too, cannot write such a marker, and fails the request as a whole.
    const auto is_nobodys = [](const Marker& marker) { return marker.producer_id < 0; };
    if (std::ranges::any_of(request.markers, is_nobodys))
        return call->refuse(ErrorCode::unknown_server_error);
    call->start(context.services().markers);
}

}  // namespace gregor::server
