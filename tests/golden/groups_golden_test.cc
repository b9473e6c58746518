// The assignors, metadata hashes and regular expressions of consumer groups against Kafka's own.
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "coordinator/group/consumer/assignor.h"
#include "coordinator/group/consumer/metadata_hash.h"
#include "coordinator/group/consumer/regular_expression.h"
#include "golden_lines.h"

namespace gregor::coordinator {
namespace {

using boost::json::object;
using boost::json::value;

std::string text(const value& json) { return std::string(json.as_string()); }

void for_each_of(std::string_view kind, const std::function<void(const object&)>& check) {
    std::size_t lines = 0;
    golden::for_each_line("groups.jsonl.gz", [&](const object& line) {
        if (line.at("kind").as_string() != kind) return;
        ++lines;
        SCOPED_TRACE(boost::json::serialize(line));
        check(line);
    });
    EXPECT_GE(lines, 40U);
}

// Topics are named by their number in the line.
struct Line {
    explicit Line(const object& json) {
        for (const auto& topic : json.at("topics").as_array())
            ids.push_back(*Uuid::parse(text(topic.at("id"))));
    }
    Uuid id(std::string_view number) const { return ids[std::stoul(std::string(number))]; }
    Assignment assignment(const object& json) const {
        Assignment result;
        for (const auto& [number, partitions] : json)
            for (const auto& partition : partitions.as_array())
                result[id(number)].insert(partition.to_number<std::int32_t>());
        return result;
    }
    std::vector<Uuid> ids;
};

AssignorInput input_of(const Line& line, const object& json) {
    AssignorInput input;
    input.homogeneous = json.at("homogeneous").as_bool();
    for (std::size_t i = 0; const auto& topic : json.at("topics").as_array())
        input.topics[line.ids[i++]].partition_count = topic.at("partitions").to_number<std::int32_t>();
    for (const auto& [member_id, shape] : json.at("members").as_object()) {
        auto& member = input.members[std::string(member_id)];
        member.member_id = member_id;
        if (const auto* instance = shape.as_object().if_contains("instance"))
            member.instance_id = text(*instance);
        for (const auto& number : shape.at("subscribed").as_array())
            member.subscribed_topics.insert(line.ids[number.to_number<std::size_t>()]);
        member.current = line.assignment(shape.at("current").as_object());
    }
    return input;
}

TEST(GroupsGolden, AssignorsAssignWhatKafkasDo) {
    for_each_of("assignment", [](const object& json) {
        const Line line(json);
        const auto input = input_of(line, json);
        MemberAssignments expected;
        for (const auto& [member_id, assignment] : json.at("target").as_object())
            expected[std::string(member_id)] = line.assignment(assignment.as_object());
        const auto assign = json.at("assignor").as_string() == "range" ? assign_range : assign_uniform;
        EXPECT_EQ(assign(input), expected);
    });
}

TEST(GroupsGolden, TopicHashesAreKafkas) {
    for_each_of("topic_hash", [](const object& json) {
        std::vector<std::vector<std::string>> racks;
        for (const auto& of_partition : json.at("racks").as_array()) {
            auto& sorted = racks.emplace_back();
            for (const auto& rack : of_partition.as_array()) sorted.push_back(text(rack));
        }
        EXPECT_EQ(topic_hash(*Uuid::parse(text(json.at("id"))), text(json.at("name")),
                             static_cast<std::int32_t>(racks.size()), racks),
                  json.at("hash").to_number<std::int64_t>());
    });
}

TEST(GroupsGolden, GroupHashesAreKafkas) {
    for_each_of("group_hash", [](const object& json) {
        std::map<std::string, std::int64_t> topics;
        for (const auto& [name, hash] : json.at("topics").as_object())
            topics[std::string(name)] = hash.to_number<std::int64_t>();
        EXPECT_EQ(group_hash(topics), json.at("hash").to_number<std::int64_t>());
    });
}

// Kafka's library knows (?<name>x) and refuses a name that is given twice; RE2 has a bound on memory instead.
bool is_judged_differently(std::string_view expression) {
    return expression == "(?:a{1000}){1000}" || expression == "((a{100}){100}){100}" ||
           expression == "(?P<n>a)(?P<n>b)" || expression == "(?<!x)";
}

TEST(GroupsGolden, RegularExpressionsMatchWhatKafkasDo) {
    for_each_of("expression", [](const object& json) {
        const auto expression = text(json.at("expression"));
        if (is_judged_differently(expression)) return;
        const auto compiled = RegularExpression::compile(expression);
        if (const auto* error = json.if_contains("error")) {
            ASSERT_FALSE(compiled);
            EXPECT_EQ(compiled.error().code, ErrorCode::invalid_regular_expression);
            EXPECT_EQ(compiled.error().detail, text(*error));
            EXPECT_EQ(check_regular_expression(expression).error().detail,
                      "SubscribedTopicRegex `" + expression +
                          "` is not a valid regular expression: " + text(*error) + ".");
            return;
        }
        ASSERT_TRUE(compiled) << compiled.error().detail;
        EXPECT_TRUE(check_regular_expression(expression));
        for (const auto& [topic, matches] : json.at("matches").as_object())
            EXPECT_EQ(compiled->matches(topic), matches.as_bool()) << std::string_view(topic);
    });
}

}  // namespace
}  // namespace gregor::coordinator
