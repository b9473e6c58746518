#include "storage/cleaned_transactions.h"

#include "storage/segment_scanner.h"

namespace gregor::storage {

void CleanedTransactions::add_aborted(const std::vector<AbortedTxn>& aborted) {
    for (const auto& entry : aborted) to_come_.try_emplace({entry.first_offset, entry.producer_id}, entry);
}

void CleanedTransactions::begin_up_to(Offset offset) {
    while (!to_come_.empty() && to_come_.begin()->first.first <= offset) {
        const auto entry = to_come_.extract(to_come_.begin()).mapped();
        aborted_.try_emplace(entry.producer_id, Ongoing{entry});
    }
}

bool CleanedTransactions::on_batch(const records::BatchView& batch) {
    begin_up_to(batch.last_offset());
    if (!batch.is_transactional()) return false;
    const auto found = aborted_.find(batch.producer_id());
    if (found == aborted_.end()) {
        committed_.insert(batch.producer_id());
        return false;
    }
    found->second.has_records = true;
    return true;
}

bool CleanedTransactions::on_control_batch(const records::BatchView& batch) {
    begin_up_to(batch.last_offset());
    const auto marker = producer_marker(batch);
    if (!marker) return false;  // of KRaft, or of the future
    if (marker->commits) return committed_.erase(marker->producer_id) == 0;
    const auto ended = aborted_.extract(marker->producer_id);
    if (ended.empty() || !ended.mapped().has_records) return true;
    kept_.push_back(ended.mapped().transaction);
    return false;
}

}  // namespace gregor::storage
