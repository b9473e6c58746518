// The control records of KRaft: their values, and the batch that opens an epoch.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "raft/snapshot.h"

namespace gregor::raft {

Slice encode_leader_change(BrokerId leader, const VoterSet& voters);
Slice encode_kraft_version(std::int16_t version);
Slice encode_voters(const VoterSet& voters);
Slice encode_snapshot_header(std::int64_t last_contained_timestamp);
Slice encode_snapshot_footer();

Result<std::int16_t> decode_kraft_version(Bytes value);
Result<VoterSet> decode_voters(Bytes value);
Result<std::int64_t> decode_snapshot_header(Bytes value);

}  // namespace gregor::raft
