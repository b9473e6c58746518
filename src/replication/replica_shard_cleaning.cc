// Compaction: the dirtiest partition first, one at a time, in slices on a worker that leave room for
// everybody else. A partition that fails is named and left alone for a while; the others go on.
#include <algorithm>

#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"
#include "replication/topic_settings.h"

namespace gregor::replication {
namespace {

constexpr std::int64_t k_slice_bytes = std::int64_t{4} << 20;
constexpr std::int64_t k_map_bytes_min = std::int64_t{1} << 20;
constexpr auto k_retry_after = Duration::seconds(60);

}  // namespace

class ReplicaShard::CleanJob final : public io::DiskJob {
public:
    CleanJob(ReplicaShard& shard, std::unique_ptr<storage::Cleaner> cleaner, bool discards)
        : shard_(shard), cleaner_(std::move(cleaner)), discards_(discards) {}
    void run(io::FileSystem& files) override {
        const auto before = cleaner_->bytes_read();
        if (!discards_) done_ = cleaner_->step(files, k_slice_bytes);
        if (discards_ || !done_) cleaner_->discard(files);
        bytes_ = cleaner_->bytes_read() - before;
    }
    void complete() override {
        if (discards_) return shard_.end_cleaning();
        shard_.on_cleaner_step(std::move(cleaner_), bytes_, std::move(done_));
    }

private:
    ReplicaShard& shard_;
    std::unique_ptr<storage::Cleaner> cleaner_;
    bool discards_;
    std::int64_t bytes_ = 0;
    Result<bool> done_ = false;
};

void ReplicaShard::schedule_cleaning() {
    if (cleaning_scheduled_ || cleaning_ || stopped_ || closing_) return;
    const auto settings = cleaner_settings(*image_, config_.broker_id, broker_configs_);
    if (!settings.enabled) return;
    cleaning_scheduled_ = true;
    ports_.executor.call_at(ports_.clock.now() + settings.backoff, [this] {
        cleaning_scheduled_ = false;
        clean_next();
    });
}

void ReplicaShard::clean_next() {
    if (stopped_ || closing_ || cleaning_) return;
    if (const auto id = dirtiest()) start_cleaning(*id);
}

std::optional<TopicPartitionId> ReplicaShard::dirtiest() const {
    std::optional<TopicPartitionId> found;
    double most = -1;
    for (const auto& id : loaded_) {
        if (moves_.contains(id)) continue;
        auto& partition = *slots_.find(id)->second.partition;
        const auto failed = uncleanable_until_.find(id);
        if (failed != uncleanable_until_.end() && failed->second > ports_.clock.now()) continue;
        const auto state = partition.log().cleanability(
            {.high_watermark = partition.high_watermark(), .now_ms = ports_.clock.wall_clock_ms()});
        if (!state.is_worth_it || state.ratio() <= most) continue;
        most = state.ratio();
        found = id;
    }
    return found;
}

void ReplicaShard::start_cleaning(const TopicPartitionId& id) {
    cleaning_ = id;
    auto& partition = *find(id);
    const auto settings = cleaner_settings(*image_, config_.broker_id, broker_configs_);
    const auto shards = static_cast<std::int64_t>(ports_.shards.count());
    storage::CleaningLimits limits;
    limits.map_bytes_max =
        static_cast<std::size_t>(std::max(settings.dedupe_buffer_bytes / shards, k_map_bytes_min));
    limits.load_factor = settings.load_factor;
    limits.key = {ports_.random.next(), ports_.random.next()};
    continue_cleaning(std::make_unique<storage::Cleaner>(partition.log().plan_cleaning(
        {.high_watermark = partition.high_watermark(), .now_ms = ports_.clock.wall_clock_ms()}, limits)));
}

void ReplicaShard::continue_cleaning(std::unique_ptr<storage::Cleaner> cleaner) {
    const auto slot = slots_.find(*cleaning_);
    const bool is_gone = slot == slots_.end() || slot->second.partition == nullptr;
    if (is_gone || closing_) return end_cleaning();  // its folder goes, or the next load tidies up
    const auto lane = directories_[slot->second.directory].writer->bulk_lane();
    ports_.disk.submit(lane, std::make_unique<CleanJob>(*this, std::move(cleaner), false));
}

void ReplicaShard::on_cleaner_step(std::unique_ptr<storage::Cleaner> cleaner, std::int64_t bytes,
                                   Result<bool> done) {
    if (stopped_) return;
    if (!done) {
        auto* partition = find(*cleaning_);
        const bool is_overtaken = partition == nullptr || !partition->log().is_laid_out_as(cleaner->layout());
        if (!is_overtaken) on_cleaning_failed(done.error());
        return end_cleaning();
    }
    if (*done) return swap_cleaned(std::move(cleaner));
    const auto rate = cleaner_settings(*image_, config_.broker_id, broker_configs_).bytes_per_second_max;
    const auto pause = static_cast<double>(bytes) / std::max(rate, 1.0);
    constexpr double k_pause_max = 3'600;
    const auto at =
        ports_.clock.now() + Duration::micros(static_cast<std::int64_t>(std::min(pause, k_pause_max) * 1e6));
    ports_.executor.call_at(at, [this, cleaner = std::move(cleaner)]() mutable {
        if (!stopped_) continue_cleaning(std::move(cleaner));
    });
}

void ReplicaShard::swap_cleaned(std::unique_ptr<storage::Cleaner> cleaner) {
    auto* partition = find(*cleaning_);
    if (partition == nullptr || closing_) return end_cleaning();
    auto& log = partition->log();
    auto cleaned = cleaner->take_result();
    if (!log.can_finish_cleaning(cleaned)) {
        REACHED("cleaning_overtaken");
        ports_.disk.submit({}, std::make_unique<CleanJob>(*this, std::move(cleaner), true));
        return;
    }
    log.finish_cleaning(std::move(cleaned), [this, id = *cleaning_](Result<storage::RetiredFiles> files) {
        if (stopped_) return;
        if (!files) on_cleaning_failed(files.error());
        if (auto* cleaned_one = find(id); files && cleaned_one != nullptr) {
            LOG_INFO("partition_cleaned", cleaned_one->topic(), id.partition,
                     cleaned_one->log().clean_end().value(), cleaned_one->log().size_bytes());
            throw_away(*cleaned_one, std::move(*files));
        }
        end_cleaning();
    });
}

void ReplicaShard::on_cleaning_failed(const Error& why) {
    const auto* partition = find(*cleaning_);
    const auto topic = partition == nullptr ? std::string() : partition->topic();
    LOG_ERROR("cleaning_failed", topic, cleaning_->partition, why.detail);
    uncleanable_until_[*cleaning_] = ports_.clock.now() + k_retry_after;
}

// The next one at once; when nothing is dirty, the cleaner sleeps until something was written.
void ReplicaShard::end_cleaning() {
    if (const auto id = std::exchange(cleaning_, std::nullopt); id && moves_.contains(*id))
        ports_.executor.post([this, id = *id] { continue_move(id); });
    std::erase_if(uncleanable_until_,
                  [&](const auto& failed) { return failed.second <= ports_.clock.now(); });
    if (stopped_) return;
    ports_.executor.post([this] { clean_next(); });
}

}  // namespace gregor::replication
