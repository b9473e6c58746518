// AlterReplicaLogDirs v1..v2 (KIP-113).
// Says whether a move can begin; DescribeLogDirs shows how it goes on. A partition that is named twice goes
// where it is named last.
#include "gen/api/alter_replica_log_dirs.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "metadata/image_source.h"
#include "replication/replicas.h"
#include "server/config.h"
#include "server/handlers/admin_handlers.h"
#include "server/handlers/log_directories.h"
#include "server/request_context.h"
#include "storage/names.h"

namespace gregor::server {
namespace {

using msg::AlterReplicaLogDirsRequest;
using msg::AlterReplicaLogDirsResponse;
using replication::ReplicaMove;
using storage::PartitionName;

constexpr std::size_t k_folder_name_max = 255;
constexpr std::size_t k_future_suffix = 40;  // ".", 32 digits, "-future"

class MovesCall {
public:
    MovesCall(const AlterReplicaLogDirsRequest& request, RequestContext& context,
              Completion<AlterReplicaLogDirsResponse> done)
        : request_(request), context_(context), done_(std::move(done)) {}

    static void run(std::unique_ptr<MovesCall> call) {
        auto& self = *call;
        self.resolve();
        auto moves = std::exchange(self.moves_, {});
        self.context_.services().replicas.move(
            std::move(moves), [call = std::move(call)](const std::vector<ErrorCode>& errors) {
                for (std::size_t i = 0; i < errors.size(); ++i) *call->places_[i] = errors[i];
                call->answer();
            });
    }

private:
    void resolve() {
        const bool is_allowed = context_.allows_cluster(security::Operation::alter);
        const auto image = context_.services().images.current();
        const auto directories = log_directories(context_);
        for (const auto& wish : request_.dirs) {
            const auto directory = std::ranges::find(directories, wish.path, &LogDirectory::path);
            for (const auto& topic : wish.topics) {
                for (const auto number : topic.partitions) {
                    PartitionName name{std::string(topic.name), PartitionIndex{number}};
                    auto& row = rows_[name];
                    row = {};
                    if (!is_allowed) {
                        row.error = ErrorCode::cluster_authorization_failed;
                    } else if (name.to_string().size() + k_future_suffix > k_folder_name_max) {
                        row.error = ErrorCode::invalid_topic_exception;
                    } else if (directory == directories.end()) {
                        row.error = ErrorCode::log_dir_not_found;
                    } else if (directory->is_cordoned) {
                        row.error = ErrorCode::invalid_replica_assignment;
                    } else {
                        row.directory = static_cast<std::size_t>(directory - directories.begin());
                    }
                }
            }
        }
        for (auto& [name, row] : rows_) {
            if (row.directory) ask(*image, name, row.error, *row.directory);
        }
    }

    // Of a topic that does not exist yet the wish is kept until it does.
    void ask(const metadata::Image& image, const PartitionName& name, ErrorCode& error,
             std::size_t directory) {
        const auto* topic = image.topic(name.topic);
        if (topic == nullptr || !topic->partitions.contains(name.partition)) {
            context_.services().replicas.prefer_directory(name, directory);
            error = ErrorCode::unknown_topic_or_partition;
            return;
        }
        places_.push_back(&error);
        moves_.push_back({.partition = {topic->id, name.partition}, .directory = directory});
    }

    void answer() {
        AlterReplicaLogDirsResponse response;
        for (const auto& [name, row] : rows_) {
            if (response.results.empty() || response.results.back().topic_name != name.topic)
                response.results.emplace_back().topic_name = name.topic;
            auto& partition = response.results.back().partitions.emplace_back();
            partition.partition_index = name.partition.value();
            partition.error_code = row.error;
        }
        done_(std::move(response));
    }

    struct Row {
        ErrorCode error = ErrorCode::none;
        std::optional<std::size_t> directory;
    };
    const AlterReplicaLogDirsRequest& request_;
    RequestContext& context_;
    Completion<AlterReplicaLogDirsResponse> done_;
    std::map<PartitionName, Row> rows_;
    std::vector<ReplicaMove> moves_;
    std::vector<ErrorCode*> places_;  // of the moves' errors, in their order
};

}  // namespace

void handle_alter_replica_log_dirs(const AlterReplicaLogDirsRequest& request, RequestContext& context,
                                   Completion<AlterReplicaLogDirsResponse> done) {
    MovesCall::run(std::make_unique<MovesCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
