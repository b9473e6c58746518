// The subscribers of one topic in the order of their load, while partitions go from the fullest to the
// emptiest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace gregor::coordinator {

// Two groups of members grow towards each other: at the low end those that have been filled up to the
// `floor`, at the high end those that have been lowered to the `ceiling`. Within a group members take turns.
// `load` is read as it changes; members outside of both groups do not change theirs.
class LoadLevels {
public:
    using Member = std::size_t;

    // `members`: at least one, ascending.
    LoadLevels(std::vector<Member> members, const std::vector<std::int32_t>& load);

    std::int32_t spread() const { return load_of(sorted_.size() - 1) - load_of(0); }
    bool balanced() const { return ceiling_ - floor_ <= 1; }

    // Who gets the next partition.
    Member next_emptiest();
    // Who gives the next one; nobody when all are excluded.
    std::optional<Member> next_fullest();
    // The one that next_fullest() named last has none to give.
    void exclude_fullest();

private:
    std::int32_t load_of(std::size_t place) const { return load_[sorted_[place]]; }

    std::vector<Member> sorted_;
    const std::vector<std::int32_t>& load_;
    std::size_t low_end_ = 0;  // [0, low_end_) is the low group
    std::size_t low_next_ = 0;
    std::int32_t floor_ = 0;
    std::size_t high_begin_ = 0;  // [high_begin_, high_end_) is the high group; behind it stand the excluded
    std::size_t high_end_ = 0;
    std::size_t high_next_ = 0;  // one behind the next, so that none is left at high_begin_
    std::int32_t ceiling_ = 0;
};

}  // namespace gregor::coordinator
