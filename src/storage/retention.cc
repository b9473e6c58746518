#include "storage/retention.h"

namespace gregor::storage {
namespace {

class Expiry {
public:
    Expiry(const std::vector<Segment>& segments, const RetentionRules& rules)
        : segments_(segments), rules_(rules) {}

    std::size_t count() const { return count_; }

    void pass_log_start() {
        while (is_deletable() && count_ + 1 < segments_.size() && end_of_next() <= rules_.log_start) ++count_;
    }
    void pass_size() {
        if (rules_.config.retention_bytes < 0) return;
        std::int64_t excess = -rules_.config.retention_bytes;
        for (auto i = count_; i < segments_.size(); ++i) excess += segments_[i].size;
        while (is_deletable() && excess - segments_[count_].size >= 0) excess -= segments_[count_++].size;
    }
    Status pass_time(const LargestTimestamp& largest_timestamp) {
        if (rules_.config.retention_ms < 0) return {};
        while (is_deletable()) {
            const auto largest = TRY(largest_timestamp(segments_[count_]));
            if (rules_.now_ms - largest <= rules_.config.retention_ms) return {};
            ++count_;
        }
        return {};
    }

private:
    Offset end_of_next() const {
        return count_ + 1 < segments_.size() ? segments_[count_ + 1].base : rules_.log_end;
    }
    bool is_deletable() const {
        if (count_ == segments_.size() || rules_.high_watermark < end_of_next()) return false;
        return count_ + 1 < segments_.size() || segments_[count_].size > 0;
    }

    const std::vector<Segment>& segments_;
    const RetentionRules& rules_;
    std::size_t count_ = 0;
};

}  // namespace

Result<std::size_t> count_expired(const std::vector<Segment>& segments, const RetentionRules& rules,
                                  const LargestTimestamp& largest_timestamp) {
    Expiry expiry(segments, rules);
    expiry.pass_log_start();
    if (!rules.config.cleanup_delete) return expiry.count();
    expiry.pass_size();
    TRY_STATUS(expiry.pass_time(largest_timestamp));
    return expiry.count();
}

}  // namespace gregor::storage
