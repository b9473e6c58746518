#include "sim/mover.h"

#include <fmt/format.h>

namespace gregor::sim {
namespace {

// A slow disk and a cleaner in its way, and then some.
constexpr auto k_move_takes_at_most = Duration::seconds(20);

}  // namespace

void Mover::begin() { look_later(); }

void Mover::look_later() {
    after(Duration::millis(prng_.between(10, 1'500)), [this, connection = connections()] {
        if (connection == connections() && caller_.is_connected()) look();
    });
}

void Mover::look() {
    msg::DescribeLogDirsRequest request;
    request.topics = std::nullopt;
    caller_.call<msg::DescribeLogDirsResponse>(
        request, any_version<msg::DescribeLogDirsRequest>(), stage_.patience,
        [this](const msg::DescribeLogDirsResponse& response) { on_described(response); });
}

void Mover::on_described(const msg::DescribeLogDirsResponse& response) {
    Places places;
    directories_.clear();
    for (const auto& directory : response.results) {
        directories_.emplace_back(directory.log_dir);
        if (!take_in(directory, places)) return;
    }
    check_promises(places);
    if (directories_.size() < 2 || stage_.winding_down) return look_later();
    send_one();
}

// The simulated disk does one job at a time, so the folders are seen as they were at one moment.
bool Mover::take_in(const msg::DescribeLogDirsResponse::DescribeLogDirsResult& directory, Places& places) {
    for (const auto& topic : directory.topics) {
        const auto index = topic_index(topic.name, {}, false);
        for (const auto& partition : topic.partitions) {
            if (!index || partition.is_future_key) continue;
            const auto [other, is_new] =
                places.emplace(TopicPartition{*index, partition.partition_index}, directory.log_dir);
            if (is_new) continue;
            stage_.world.fail(fmt::format("{}-{} lives in {} and in {}", topic.name,
                                          partition.partition_index, other->second, directory.log_dir));
            return false;
        }
    }
    return true;
}

void Mover::check_promises(const Places& places) {
    for (auto at = promises_.begin(); at != promises_.end();) {
        const auto& [partition, promise] = *at;
        const auto place = places.find(partition);
        const bool is_there = place != places.end() && place->second == promise.directory;
        if (!is_there && now() > promise.deadline)
            return stage_.world.fail(fmt::format("{}-{} does not get to {}",
                                                 stage_.topics[partition.topic].name, partition.partition,
                                                 promise.directory));
        at = is_there ? promises_.erase(at) : std::next(at);
    }
}

// Also what is under way already, which then turns round, and what is there.
void Mover::send_one() {
    const auto all = stage_.all_partitions();
    const auto at = all[prng_.below(all.size())];
    const auto directory = directories_[prng_.below(directories_.size())];
    msg::AlterReplicaLogDirsRequest request;
    auto& wish = request.dirs.emplace_back();
    wish.path = directory;
    auto& topic = wish.topics.emplace_back();
    topic.name = stage_.topics[at.topic].name;
    topic.partitions.push_back(at.partition);
    caller_.call<msg::AlterReplicaLogDirsResponse>(
        request, any_version<msg::AlterReplicaLogDirsRequest>(), stage_.patience,
        [this, at, directory](const msg::AlterReplicaLogDirsResponse& response) {
            on_answered(at, directory, response);
        });
}

void Mover::on_answered(TopicPartition at, const std::string& directory,
                        const msg::AlterReplicaLogDirsResponse& response) {
    if (response.results.size() != 1 || response.results[0].partitions.size() != 1)
        return stage_.world.fail("AlterReplicaLogDirs does not answer for its partition");
    const auto code = response.results[0].partitions[0].error_code;
    if (code == ErrorCode::none) {
        REACHED("sim_move_promised");
        promises_[at] = {directory, now() + k_move_takes_at_most};
    } else if (!is_retriable(code)) {
        return stage_.world.fail(fmt::format("moving a partition answered {}", error_name(code)));
    }
    look_later();
}

}  // namespace gregor::sim
