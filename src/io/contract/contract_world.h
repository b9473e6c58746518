// What the contract suites need of a world, real or simulated. A suite is a set of typed tests:
//
//   class World {
//       explicit World(std::uint32_t shards);
//       ShardPorts& ports(ShardId shard);
//       FileSystem& files();                 // blocking; usable before run_until and while it runs
//       std::string scratch();               // an empty directory that is this test's own
//       void run_until(std::function<bool()> done);  // once per test; `done` is asked on shard 0
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Mine, ExecutorContract, World);
//
// run_until fails the test when `done` stays false for a time that is long for this world. After it nothing
// runs any more. The node's side of a test is driven from tasks posted before.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "io/ports.h"

namespace gregor::io::contract {

inline Bytes to_bytes(std::string_view text) { return as_bytes(text); }

inline Status write_text(File& file, std::int64_t position, std::string_view text) {
    const Bytes parts[] = {as_bytes(text)};
    return file.write_at(position, parts);
}

inline std::string read_text(File& file, std::int64_t position, std::size_t size_max) {
    std::string text(size_max, '\0');
    const auto size = file.read_at(position, std::as_writable_bytes(std::span(text)));
    EXPECT_TRUE(size.has_value());
    text.resize(size.value_or(0));
    return text;
}

}  // namespace gregor::io::contract
