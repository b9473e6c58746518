// Producer state at a load: the newest good snapshot, then the batches behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/producer_state.h"
#include "storage/segment.h"

namespace gregor::storage {

struct ProducerLoad {
    const std::string& directory;
    std::vector<Segment>& segments;
    // Transaction indexes from this segment on are written again from the batches; nullopt: all are trusted.
    std::optional<Offset> txn_indexes_from;
    Offset txn_indexes_sound_below;  // what they say of markers below is right all the same
    Offset log_start;
    Offset log_end;
    bool clean = false;
    std::int64_t now_ms = 0;
    std::int64_t expiration_ms = 0;
};

Result<ProducerState> load_producers(io::FileSystem& files, const ProducerLoad& load);

Status write_snapshot(io::FileSystem& files, const std::string& directory, Offset offset, Bytes snapshot,
                      bool sync);

}  // namespace gregor::storage
