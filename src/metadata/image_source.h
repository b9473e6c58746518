// Where a shard's current image is read. node/ keeps one per shard and swaps it when the mailbox brings the
// next.
#pragma once

#include "metadata/image.h"

namespace gregor::metadata {

class ImageSource {
public:
    virtual ~ImageSource() = default;
    virtual Ref<const Image> current() const = 0;  // never null; the empty image before the first publication
};

}  // namespace gregor::metadata
