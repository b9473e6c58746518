// Somebody who sends partitions from one log directory of the broker into another all the time, and looks
// whether they get there: each lives in one place, and a move that was promised ends if the broker lives on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gen/api/alter_replica_log_dirs.h"
#include "gen/api/describe_log_dirs.h"
#include "sim/actor.h"

namespace gregor::sim {

class Mover final : public Actor {
public:
    using Actor::Actor;
    // Everything is where it was sent.
    bool has_settled() const { return promises_.empty(); }

private:
    struct Promise {
        std::string directory;
        Instant deadline;
    };
    using Places = std::map<TopicPartition, std::string>;

    void begin() override;
    void on_lost() override { promises_.clear(); }  // with the broker, perhaps
    void look();
    void look_later();
    void on_described(const msg::DescribeLogDirsResponse& response);
    bool take_in(const msg::DescribeLogDirsResponse::DescribeLogDirsResult& directory, Places& places);
    void check_promises(const Places& places);
    void send_one();
    void on_answered(TopicPartition at, const std::string& directory,
                     const msg::AlterReplicaLogDirsResponse& response);

    std::vector<std::string> directories_;
    std::map<TopicPartition, Promise> promises_;
};

}  // namespace gregor::sim
