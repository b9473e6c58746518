#include "protocol/frame.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace gregor::protocol {
namespace {

constexpr std::size_t k_limit = 100;

std::vector<std::byte> frame(std::array<unsigned char, 4> prefix, std::size_t body) {
    std::vector<std::byte> bytes;
    for (const auto byte : prefix) bytes.push_back(static_cast<std::byte>(byte));
    bytes.resize(4 + body);
    return bytes;
}

TEST(Frame, AsksForThePrefixFirst) {
    const auto view = inspect_frame({}, k_limit);
    EXPECT_EQ(view.status, FrameStatus::need_more);
    EXPECT_EQ(view.needed, 4U);
    EXPECT_EQ(inspect_frame(Bytes(frame({0, 0, 0, 7}, 0)).first(3), k_limit).needed, 1U);
}

TEST(Frame, AsksForTheRestOfTheBody) {
    const auto view = inspect_frame(frame({0, 0, 0, 7}, 2), k_limit);
    EXPECT_EQ(view.status, FrameStatus::need_more);
    EXPECT_EQ(view.needed, 5U);
    EXPECT_EQ(view.frame_bytes, 11U);
}

TEST(Frame, IsCompleteEvenWithTheNextFrameBehindIt) {
    const auto view = inspect_frame(frame({0, 0, 0, 7}, 50), k_limit);
    EXPECT_EQ(view.status, FrameStatus::complete);
    EXPECT_EQ(view.body_bytes(), 7U);
    EXPECT_EQ(inspect_frame(frame({0, 0, 0, 0}, 0), k_limit).status, FrameStatus::complete);
}

TEST(Frame, RefusesTheLengthNotTheBytes) {
    EXPECT_EQ(inspect_frame(frame({0, 0, 0, 100}, 0), k_limit).status, FrameStatus::need_more);
    EXPECT_EQ(inspect_frame(frame({0, 0, 0, 101}, 0), k_limit).status, FrameStatus::too_large);
    EXPECT_EQ(inspect_frame(frame({0x7f, 0xff, 0xff, 0xff}, 0), k_limit).status, FrameStatus::too_large);
    EXPECT_EQ(inspect_frame(frame({0x80, 0, 0, 0}, 0), k_limit).status, FrameStatus::negative);
    EXPECT_EQ(inspect_frame(frame({0xff, 0xff, 0xff, 0xff}, 0), k_limit).status, FrameStatus::negative);
    // "GET " of somebody's browser.
    EXPECT_EQ(inspect_frame(frame({'G', 'E', 'T', ' '}, 0), 104857600).status, FrameStatus::too_large);
}

TEST(Frame, PreambleNeedsEightBytes) {
    const std::array<unsigned char, 8> body{0, 18, 0, 4, 0x01, 0x02, 0x03, 0x04};
    RequestPreamble preamble;
    ASSERT_TRUE(read_request_preamble(std::as_bytes(std::span(body)), preamble));
    EXPECT_EQ(preamble.api_key, 18);
    EXPECT_EQ(preamble.api_version, 4);
    EXPECT_EQ(preamble.correlation_id, 0x01020304);
    EXPECT_FALSE(read_request_preamble(std::as_bytes(std::span(body)).first(7), preamble));
}

}  // namespace
}  // namespace gregor::protocol
