// The transaction index of a segment: the transactions whose abort marker lies in it. Only there when there
// is one; a log without aborted transactions has no such file.
//
//   .txnindex := (version:int16 = 0, producer_id:int64, first_offset:int64, last_offset:int64,
//                 last_stable_offset:int64)*                                            (34 bytes each)
//
// Ascending by last_offset, that of the marker. Blocking; runs on a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/segment.h"

namespace gregor::storage {

inline constexpr std::size_t k_txn_entry_bytes = 34;

struct AbortedTxn {
    ProducerId producer_id;
    Offset first_offset;
    Offset last_offset;         // of the marker
    Offset last_stable_offset;  // when the marker was written: nothing below belongs to a later marker
    friend bool operator==(const AbortedTxn&, const AbortedTxn&) = default;
};

void append_entry(std::vector<std::byte>& out, const AbortedTxn& entry);
// CORRUPT_MESSAGE for another version.
Result<AbortedTxn> decode_txn_entry(Bytes entry);

// All of them; none when there is no such file. A torn entry at the end is ignored.
Result<std::vector<AbortedTxn>> read_txn_index(io::FileSystem& files, const std::string& directory,
                                               Offset base);
// Makes the file hold exactly these, behind the first `kept` that it has; without any there is no file.
// Synced.
Status write_txn_index(io::FileSystem& files, const std::string& directory, Offset base,
                       std::span<const AbortedTxn> entries, std::int64_t kept = 0);
// One more, as entry `number`; the file is made when it is missing. Synced.
Status append_txn_index(io::FileSystem& files, const std::string& directory, Offset base, std::int64_t number,
                        const AbortedTxn& entry);
// Whether the first and the last entry can be of this segment.
Result<bool> txn_index_looks_sane(io::FileSystem& files, const std::string& directory,
                                  const Segment& segment);

// The aborted transactions that a reader of [from, end) must know: those that may have records in there. Fed
// with entries in order; over-inclusive like Kafka's.
class AbortedCollector {
public:
    AbortedCollector(Offset from, Offset end) : from_(from), end_(end) {}

    void add(const AbortedTxn& entry);
    Status add_file(io::FileSystem& files, const std::string& directory, const Segment& segment);
    bool is_done() const { return done_; }  // what follows concerns records at or above `end`
    std::vector<AbortedTxn> take() { return std::move(found_); }

private:
    Result<std::int64_t> first_after(io::File& file, std::int64_t entries) const;

    Offset from_;
    Offset end_;
    Offset last_{-1};  // of the entries seen
    bool done_ = false;
    std::vector<AbortedTxn> found_;
};

}  // namespace gregor::storage
