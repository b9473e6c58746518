#include "sim/committed_view.h"

#include "storage/segment_scanner.h"

namespace gregor::sim {

CommittedView::CommittedView(const std::vector<storage::AbortedTxn>& aborted) {
    for (const auto& entry : aborted) to_come_.emplace(entry.first_offset, entry.producer_id);
}

bool CommittedView::shows(const records::BatchView& batch) {
    while (!to_come_.empty() && to_come_.begin()->first <= batch.last_offset()) {
        aborted_.insert(to_come_.begin()->second);
        to_come_.erase(to_come_.begin());
    }
    if (batch.is_control()) {
        const auto marker = storage::producer_marker(batch);
        if (marker && !marker->commits) aborted_.erase(marker->producer_id);
        return false;
    }
    return !batch.is_transactional() || !aborted_.contains(batch.producer_id());
}

}  // namespace gregor::sim
