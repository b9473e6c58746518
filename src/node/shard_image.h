// Each shard's current image, swapped when the mailbox brings the next.
#pragma once

#include "metadata/image.h"
#include "metadata/image_source.h"

namespace gregor::node {

class ShardImage final : public metadata::ImageSource {
public:
    explicit ShardImage(Ref<const metadata::Image> first) : image_(std::move(first)) {}
    Ref<const metadata::Image> current() const override { return image_; }
    void set(Ref<const metadata::Image> image) { image_ = std::move(image); }

private:
    Ref<const metadata::Image> image_;
};

}  // namespace gregor::node
