// Who is told of each new image. Shard 0 calls it at commit; node/ carries the image to the other shards.
#pragma once

#include "metadata/delta.h"
#include "metadata/image.h"

namespace gregor::metadata {

class ImagePublisher {
public:
    virtual ~ImagePublisher() = default;
    // `changes` covers everything between the image published before and this one. Called in log order, on
    // shard 0.
    virtual void publish(Ref<const Image> image, const Changes& changes) = 0;
};

}  // namespace gregor::metadata
