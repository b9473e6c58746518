#include "node/directory_assigner.h"

#include <map>

#include "gen/api/assign_replicas_to_dirs.h"
#include "metadata/record_codec.h"

namespace gregor::node {
namespace {

constexpr std::int16_t k_version = 0;

Status outcome_of(const Result<BufferChain>& answer) {
    if (!answer) return std::unexpected(answer.error());
    const auto body = metadata::to_slice(*answer);
    protocol::Reader reader(body);
    msg::AssignReplicasToDirsResponse response;
    response.decode(reader, k_version);
    if (!reader.finished())
        return fail(ErrorCode::unknown_server_error, "the controller's answer is malformed");
    if (response.error_code != ErrorCode::none) return fail(response.error_code, "the controller refuses it");
    for (const auto& directory : response.directories) {
        for (const auto& topic : directory.topics) {
            for (const auto& partition : topic.partitions) {
                if (partition.error_code != ErrorCode::none)
                    return fail(partition.error_code, "the controller refuses a partition");
            }
        }
    }
    return {};
}

}  // namespace

void DirectoryAssigner::assign(const std::vector<replication::DirectoryAssignment>& assignments,
                               Completion<Status> done) {
    const auto image = images_.current();
    const auto* broker = image->broker(broker_);
    if (broker == nullptr) return done(fail(ErrorCode::broker_id_not_registered));
    std::map<Uuid, std::map<Uuid, std::vector<PartitionIndex>>> by_directory;
    for (const auto& [partition, directory] : assignments)
        by_directory[directory][partition.topic_id].push_back(partition.partition);
    msg::AssignReplicasToDirsRequest request;
    request.broker_id = broker_.value();
    request.broker_epoch = broker->epoch;
    for (const auto& [directory, topics] : by_directory) {
        auto& directory_row = request.directories.emplace_back();
        directory_row.id = directory;
        for (const auto& [topic, partitions] : topics) {
            auto& topic_row = directory_row.topics.emplace_back();
            topic_row.topic_id = topic;
            for (const auto partition : partitions)
                topic_row.partitions.emplace_back().partition_index = partition.value();
        }
    }
    protocol::Writer writer;
    request.encode(writer, k_version);
    channel_.request(
        {.api_key = request.k_api_key,
         .version = k_version,
         .body = metadata::to_slice(writer.take()),
         .principal = {},
         .client_id = {},
         .host = {}},
        [done = std::move(done)](const Result<BufferChain>& answer) mutable { done(outcome_of(answer)); });
}

}  // namespace gregor::node
