#include <utility>

#include "base/assert.h"
#include "coordinator/group/consumer/assignor.h"
#include "coordinator/group/consumer/partition_owners.h"
#include "coordinator/group/consumer/uniform_heterogeneous.h"

namespace gregor::coordinator {
namespace {

// All members subscribe to the same topics: everyone keeps up to a quota, and what is free goes to who is
// below.
class HomogeneousGroup {
public:
    explicit HomogeneousGroup(const AssignorInput& input) : input_(input), owners_(input) {}

    MemberAssignments assign() {
        if (owners_.topics().empty()) return {};
        keep_current();
        list_free_partitions();
        trim_to_quota();
        fill();
        return std::move(target_);
    }

private:
    struct Place {
        Assignment* assignment;
        std::size_t count;
    };

    void keep_current() {
        std::int32_t number = 0;
        for (const auto& [id, member] : input_.members) target_.emplace(id, owners_.keep(member, number++));
    }

    void list_free_partitions() {
        for (const auto& [topic, owners] : owners_.topics()) {
            total_ += owners.size();
            for (std::size_t i = 0; i < owners.size(); ++i)
                if (owners[i] == k_no_owner) free_.emplace_back(topic, static_cast<std::int32_t>(i));
        }
    }

    // Some members get one more than the others. Who does not hold it already gives it up as long as there
    // are enough members behind to take all of those, so that fewer partitions move.
    void trim_to_quota() {
        const auto members = target_.size();
        const auto minimum = total_ / members;
        auto extras = total_ % members;
        for (std::size_t number = 0; auto& [id, assignment] : target_) {
            auto takes_extra = extras > 0;
            auto room = trim(assignment, minimum + (takes_extra ? 1 : 0));
            if (room > 0 && takes_extra && members - number > extras) {
                --room;
                takes_extra = false;
            }
            if (room > 0) places_.push_back({&assignment, room});
            if (takes_extra) --extras;
            ++number;
        }
    }

    // Takes away what exceeds the quota; returns how much room is left.
    std::size_t trim(Assignment& assignment, std::size_t quota) {
        for (auto topic = assignment.begin(); topic != assignment.end();) {
            auto& partitions = topic->second;
            auto partition = partitions.begin();
            for (; partition != partitions.end() && quota > 0; ++partition) --quota;
            for (auto over = partition; over != partitions.end(); ++over)
                free_.emplace_back(topic->first, *over);
            partitions.erase(partition, partitions.end());
            topic = partitions.empty() ? assignment.erase(topic) : std::next(topic);
        }
        return quota;
    }

    void fill() {
        auto next = free_.begin();
        for (const auto& place : places_)
            for (std::size_t i = 0; i < place.count && next != free_.end(); ++i, ++next)
                (*place.assignment)[next->first].insert(next->second);
        ASSERT(next == free_.end());  // the quotas add up to all partitions
    }

    const AssignorInput& input_;
    PartitionOwners owners_;
    MemberAssignments target_;
    std::size_t total_ = 0;                            // partitions of the topics
    std::vector<std::pair<Uuid, std::int32_t>> free_;  // in the order in which they are given away
    std::vector<Place> places_;                        // members below their quota
};

}  // namespace

MemberAssignments assign_uniform(const AssignorInput& input) {
    if (input.homogeneous) return HomogeneousGroup(input).assign();
    return assign_uniform_heterogeneous(input);
}

}  // namespace gregor::coordinator
