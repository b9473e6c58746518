// Random messages by name; the table is generated with arbitrary() itself, for tests only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "protocol/arbitrary.h"
#include "protocol/catalogue_holder.h"

namespace gregor::protocol {

struct ArbitraryRow {
    std::string_view name;
    std::unique_ptr<AnyMessage> (*make)(Arbitrary& a, std::int16_t version) = nullptr;
};

extern const ArbitraryRow k_arbitrary_rows[];
extern const std::size_t k_arbitrary_row_count;

template <class Message>
std::unique_ptr<AnyMessage> make_arbitrary(Arbitrary& a, std::int16_t version) {
    auto holder = std::make_unique<Holder<Message>>();
    arbitrary(holder->message, a, version);
    return holder;
}

}  // namespace gregor::protocol
