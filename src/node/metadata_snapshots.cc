#include "node/metadata_snapshots.h"

#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "metadata/image_records.h"

namespace gregor::node {
namespace {

constexpr std::int64_t k_clean_interval_ms = 60'000;

// An image as the file of a snapshot. Runs on a worker thread: nobody changes an image.
struct ImageSource {
    Ref<const metadata::Image> image;
    raft::SnapshotContent header;
    raft::SnapshotWriteOptions options;

    Status operator()(const raft::SnapshotSink& sink) const {
        raft::SnapshotWriter writer(options);
        Status status;
        const auto pass_on = [&] {
            const auto complete = writer.take();
            if (status && !complete.empty()) status = sink(complete);
        };
        writer.header(header);
        metadata::write_image(*image, [&](const Slice& record) {
            writer.append(record.bytes());
            pass_on();
        });
        writer.footer();
        pass_on();
        return status;
    }
};

}  // namespace

MetadataSnapshots::MetadataSnapshots(const io::ShardPorts& ports, raft::RaftLog& log,
                                     const raft::SnapshotLimits& limits)
    : ports_(ports), log_(log), limits_(limits), schedule_(limits, ports.clock.wall_clock_ms()) {}

// An image of an earlier epoch may end inside a transaction that this one has yet to abort.
void MetadataSnapshots::on_committed(const CommittedMetadata& committed) {
    if (is_busy_ || when_stopped_ || !committed.image) return;
    const auto now_ms = ports_.clock.wall_clock_ms();
    const bool is_ours = committed.image->provenance.last_contained_epoch == committed.leader_epoch;
    const auto& taken = log_.snapshots();
    const raft::MetadataSizes sizes{.log_bytes = committed.log_bytes,
                                    .snapshot_bytes = taken.empty() ? 0 : taken.back().size_bytes};
    if (is_ours && schedule_.is_due(sizes, now_ms)) return take(committed, now_ms);
    if (now_ms - cleaned_ms_ >= k_clean_interval_ms) clean();
}

void MetadataSnapshots::take(const CommittedMetadata& committed, std::int64_t now_ms) {
    const auto& provenance = committed.image->provenance;
    raft::SnapshotId id{provenance.last_contained_offset + 1, provenance.last_contained_epoch};
    if (PLANTED_BUG("snapshot_of_what_is_not_committed")) id.end_offset = log_.end_offset();
    ImageSource source{.image = committed.image,
                       .header = {.last_contained_timestamp = provenance.last_contained_timestamp,
                                  .kraft_version = std::nullopt,
                                  .voters = std::nullopt,
                                  .records = {}},
                       .options = {.epoch = id.epoch, .now_ms = now_ms}};
    if (committed.kraft_version >= 1) {  // a static quorum is known from the properties
        source.header.kraft_version = committed.kraft_version;
        source.header.voters = committed.voters;
    }
    schedule_.taken(committed.log_bytes, now_ms);
    is_busy_ = true;
    log_.write_snapshot({id, provenance.last_contained_timestamp, std::move(source)},
                        [this, id](const Status& durable) { on_taken(id, durable); });
}

// Without a snapshot the log serves as well: the next one is tried when it is due.
void MetadataSnapshots::on_taken(raft::SnapshotId id, const Status& durable) {
    if (!durable) {
        LOG_ERROR("metadata_snapshot_failed", durable.error().detail);
        return rest();
    }
    const auto end_offset = id.end_offset;
    const auto epoch = id.epoch;
    LOG_INFO("metadata_snapshot_taken", end_offset, epoch);
    clean();
}

void MetadataSnapshots::clean() {
    const auto now_ms = ports_.clock.wall_clock_ms();
    cleaned_ms_ = now_ms;
    const auto keep = raft::next_oldest(log_.snapshots(), log_.size_bytes(), now_ms, limits_);
    if (!keep || when_stopped_) return rest();
    is_busy_ = true;
    log_.delete_before(*keep, [this](const Status& removed) {
        if (removed) return clean();  // as long as there is something too old
        LOG_ERROR("metadata_retention_failed", removed.error().detail);
        rest();
    });
}

void MetadataSnapshots::rest() {
    is_busy_ = false;
    if (when_stopped_) when_stopped_();
}

void MetadataSnapshots::stop(io::Task done) {
    when_stopped_ = std::move(done);
    if (!is_busy_) when_stopped_();
}

}  // namespace gregor::node
