#include "protocol/message.h"

#include <algorithm>

namespace gregor::protocol {

const Slice& Records::slice() const {
    ASSERT(chain_.empty());
    return slice_;
}

void Records::append_to(BufferChain& out) const {
    out.append(slice_);
    out.append(chain_);
}

bool operator==(const Records& a, const Records& b) {
    if (a.size() != b.size()) return false;
    BufferChain left;
    BufferChain right;
    a.append_to(left);
    b.append_to(right);
    return left.flatten() == right.flatten();
}

void UnknownTags::add(std::uint32_t tag, Bytes data) {
    if (!tags_) tags_ = std::make_unique<std::vector<UnknownTag>>();
    ASSERT(tags_->empty() || tags_->back().tag < tag);
    tags_->push_back({tag, data});
}

bool operator==(const UnknownTags& a, const UnknownTags& b) {
    return std::ranges::equal(a.all(), b.all(), [](const UnknownTag& x, const UnknownTag& y) {
        return x.tag == y.tag && equal(x.data, y.data);
    });
}

std::unique_ptr<std::vector<UnknownTag>> UnknownTags::copy() const {
    return tags_ ? std::make_unique<std::vector<UnknownTag>>(*tags_) : nullptr;
}

}  // namespace gregor::protocol
