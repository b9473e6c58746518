// A file whose ranges travel in answers (FileRange) instead of its bytes: the files of the kernel and of the
// simulator are; a fake that is not is read into memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "io/ports.h"

namespace gregor::io {

class SendableFile : public File {
public:
    // Brings what is missing of the range into the page cache and waits for it. Called by a worker before the
    // range is handed over: the network thread that sends it must not wait for a disk.
    virtual Status make_resident(std::int64_t position, std::size_t size) = 0;
};

}  // namespace gregor::io
