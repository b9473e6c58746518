#include "coordinator/group/consumer/load_levels.h"

#include <algorithm>
#include <utility>

namespace gregor::coordinator {

LoadLevels::LoadLevels(std::vector<Member> members, const std::vector<std::int32_t>& load)
    : sorted_(std::move(members)), load_(load) {
    std::ranges::sort(sorted_, {}, [&](Member member) { return std::pair(load_[member], member); });
    floor_ = load_of(0) - 1;
    high_begin_ = high_end_ = high_next_ = sorted_.size();
    ceiling_ = load_of(sorted_.size() - 1) + 1;
}

LoadLevels::Member LoadLevels::next_emptiest() {
    if (low_next_ >= low_end_) {
        ++floor_;
        while (low_end_ < sorted_.size() && load_of(low_end_) == floor_) ++low_end_;
        low_next_ = 0;
    }
    return sorted_[low_next_++];
}

std::optional<LoadLevels::Member> LoadLevels::next_fullest() {
    if (high_next_ <= high_begin_) {
        const auto all_excluded = high_end_ <= high_begin_;
        if (all_excluded && high_begin_ > 0) {
            ceiling_ = load_of(high_begin_ - 1);
        } else {
            --ceiling_;
        }
        while (high_begin_ > 0 && load_of(high_begin_ - 1) == ceiling_) --high_begin_;
        high_next_ = high_end_;
    }
    if (high_next_ == 0) return std::nullopt;
    return sorted_[--high_next_];
}

void LoadLevels::exclude_fullest() {
    --high_end_;
    std::swap(sorted_[high_next_], sorted_[high_end_]);
}

}  // namespace gregor::coordinator
