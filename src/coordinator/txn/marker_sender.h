// Brings markers to their partitions, and tries again until each has one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/ref.h"
#include "coordinator/txn/marker_writer.h"
#include "coordinator/txn/txn_machine.h"
#include "io/ports.h"
#include "metadata/image_source.h"

namespace gregor::coordinator {

// Shard state: the jobs of the coordinator partitions that this shard owns.
class MarkerSender {
public:
    using OnSent = std::function<void(const MarkerJob&)>;

    // `on_sent` is called, in a turn of the shard, for a job whose partitions all have their marker or are
    // gone.
    MarkerSender(io::ShardPorts ports, const metadata::ImageSource& images, MarkerWriter& writer,
                 OnSent on_sent);
    ~MarkerSender();
    MarkerSender(const MarkerSender&) = delete;
    MarkerSender& operator=(const MarkerSender&) = delete;

    void send(MarkerJob job);
    void forget(PartitionIndex coordinator);
    std::size_t pending() const { return jobs_.size(); }

private:
    struct Anchor;
    struct OnWritten;
    struct Retry;

    void attempt(std::uint64_t number);
    void on_written(std::uint64_t number, const std::vector<TxnPartition>& partitions,
                    const std::vector<ErrorCode>& errors);
    void drop_deleted(std::vector<TxnPartition>& partitions) const;

    io::ShardPorts ports_;
    const metadata::ImageSource& images_;
    MarkerWriter& writer_;
    OnSent on_sent_;
    std::map<std::uint64_t, MarkerJob> jobs_;  // `partitions`: those still without
    std::uint64_t next_job_ = 1;
    Ref<Anchor> anchor_;
};

}  // namespace gregor::coordinator
