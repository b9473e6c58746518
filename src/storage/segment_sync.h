// Writing and fsyncing the files of one segment, for the tasks of a log. Blocking; private to this folder.
#pragma once

#include <string>

#include "base/result.h"
#include "io/ports.h"
#include "storage/index_tail.h"
#include "storage/log_mark.h"
#include "storage/segment_files.h"

namespace gregor::storage {

Status write_index_tail(SegmentFiles& segment, io::FileSystem& files, const IndexWrite& write);
Status sync_segment(SegmentFiles& segment, io::FileSystem& files);
// One that retention may have taken out meanwhile: nothing of it has to last then.
Status sync_closed_segment(io::FileSystem& files, const std::string& stem);
// Of the last index entry below the mark; 0 without any.
Result<std::int64_t> last_index_position(io::File& index, const LogMark& mark);

}  // namespace gregor::storage
