// The codec against what Kafka's own classes wrote: every line decodes to the end, prints as Kafka prints it,
// and encodes to the same bytes.
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "golden_lines.h"
#include "protocol/api_registry.h"
#include "protocol/catalogue.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {
namespace {

using boost::json::object;
using golden::from_hex;
using golden::to_hex;

std::string_view text(const object& line, std::string_view name) { return line.at(name).as_string(); }
std::int16_t number(const object& line, std::string_view name) {
    return static_cast<std::int16_t>(line.at(name).as_int64());
}

void check(const CatalogueRow& row, const object& line, std::string_view hex) {
    SCOPED_TRACE(fmt::format("{} v{} {}", row.name, number(line, "version"), text(line, "variant")));
    const auto version = number(line, "version");
    ASSERT_TRUE(version >= row.min_version && version <= row.max_version);
    EXPECT_EQ(version >= row.flexible_from, line.at("flexible").as_bool());

    const auto bytes = from_hex(hex);
    const auto message = row.make();
    Reader reader(Slice::copy_of(bytes));
    message->decode(reader, version);
    EXPECT_EQ(std::string(reader.why()), "");
    EXPECT_EQ(reader.remaining(), 0U);

    Writer writer;
    message->encode(writer, version);
    EXPECT_EQ(std::string(writer.why()), "");
    EXPECT_EQ(to_hex(writer.take().flatten()), hex);

    const auto printed = message->describe(version, {.exact = true});
    EXPECT_TRUE(golden::same_json(boost::json::parse(printed), line.at("json")))
        << printed << "\n"
        << boost::json::serialize(line.at("json"));
}

void check_api(const CatalogueRow& row, const object& line) {
    const auto* api = find_api(row.key);
    ASSERT_NE(api, nullptr);
    const auto version = number(line, "version");
    const bool request = row.kind == MessageKind::request;
    EXPECT_EQ(request ? request_header_version(*api, version) : response_header_version(*api, version),
              number(line, "header_version"));
    EXPECT_EQ(version < api->unstable_from, line.at("stable").as_bool());
    std::set<std::string> listeners;
    for (const auto& listener : line.at("listeners").as_array()) listeners.emplace(listener.as_string());
    EXPECT_EQ(api->on_broker, listeners.contains("broker"));
    EXPECT_EQ(api->on_controller, listeners.contains("controller"));
}

TEST(CodecGolden, EveryMessageOfTheWire) {
    std::set<std::string> seen;
    const auto lines = golden::for_each_line("messages.jsonl.gz", [&](const object& line) {
        const auto* row = find_message(text(line, "message"));
        ASSERT_NE(row, nullptr) << text(line, "message");
        seen.insert(std::string(row->name) + std::to_string(number(line, "version")));
        check(*row, line, text(line, "bytes"));
        if (!line.at("api_key").is_null()) {
            EXPECT_EQ(row->key, number(line, "api_key"));
            check_api(*row, line);
        }
    });
    EXPECT_EQ(lines, 2813U);
    // Nor does the schema have versions that Kafka has not.
    std::size_t wire_versions = 0;
    for (const auto& row : catalogue()) {
        const bool wire = row.kind == MessageKind::request || row.kind == MessageKind::response;
        if (wire) wire_versions += static_cast<std::size_t>(row.max_version - row.min_version + 1);
        for (auto v = row.min_version; wire && v <= row.max_version; ++v)
            EXPECT_TRUE(seen.contains(std::string(row.name) + std::to_string(v))) << row.name << " v" << v;
    }
    EXPECT_GT(wire_versions, 600U);
}

TEST(CodecGolden, EveryStoredRecord) {
    std::size_t without_message = 0;
    const auto lines = golden::for_each_line("records.jsonl.gz", [&](const object& line) {
        if (text(line, "record") == "AbortedTxn") {  // a fixed layout of the transaction index, no message
            ++without_message;
            return;
        }
        const auto* row = find_message(text(line, "record"));
        ASSERT_NE(row, nullptr) << text(line, "record");
        if (!line.at("api_key").is_null()) {
            EXPECT_EQ(row->key, number(line, "api_key"));
        }
        check(*row, line, text(line, "payload"));
    });
    EXPECT_EQ(lines, 440U);
    EXPECT_EQ(without_message, 3U);
}

}  // namespace
}  // namespace gregor::protocol
