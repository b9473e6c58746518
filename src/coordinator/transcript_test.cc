// Plays tests/transcripts/group/*.txt: commands at the left margin, what happens indented below them.
// UPDATE=1 rewrites the files with what happens now; review the difference as you review code.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <fmt/ranges.h>

#include "base/format.h"
#include "coordinator/batch_codec.h"
#include "coordinator/test_world.h"
#include "gen/misc/consumer_protocol_subscription.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::coordinator {
namespace {

std::string text_of(const OwnedBytes& bytes) { return std::string(as_text(bytes)); }
OwnedBytes bytes_of(std::string_view text) {
    const auto bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        if (end > 0) parts.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

// A consumer's subscription: int16 version, topics, no user data. Printed as "[a,b]".
OwnedBytes subscription_to(const std::vector<std::string>& topics) {
    msg::ConsumerProtocolSubscription subscription;
    for (const auto& topic : topics) subscription.topics.emplace_back(topic);
    protocol::Writer writer;
    writer.i16(0);
    subscription.encode(writer, 0);
    return writer.take().flatten();
}
std::string metadata_text(const OwnedBytes& bytes) {
    protocol::Reader reader(bytes);
    if (reader.i16() != 0 || reader.failed()) return text_of(bytes);
    msg::ConsumerProtocolSubscription subscription;
    subscription.decode(reader, 0);
    return fmt::format("[{}]", fmt::join(subscription.topics, ","));
}

// A command line: "who verb group key=value word ..."
struct Command {
    std::string who;
    std::string verb;
    std::vector<std::string> words;
    std::map<std::string, std::string> options;

    explicit Command(std::string_view line) {
        const auto parts = split(line, ' ');
        if (!parts.empty()) who = parts[0];
        if (parts.size() > 1) verb = parts[1];
        for (std::size_t i = 2; i < parts.size(); ++i) {
            const auto equals = parts[i].find('=');
            if (equals == std::string::npos)
                words.push_back(parts[i] == "\"\"" ? "" : parts[i]);
            else
                options[parts[i].substr(0, equals)] = parts[i].substr(equals + 1);
        }
    }
    std::string get(const std::string& key, std::string otherwise) const {
        const auto found = options.find(key);
        return found == options.end() ? otherwise : found->second;
    }
    std::int32_t number(const std::string& key, std::int32_t otherwise) const {
        const auto found = options.find(key);
        return found == options.end() ? otherwise : std::stoi(found->second);
    }
    std::optional<std::string> maybe(const std::string& key) const {
        const auto found = options.find(key);
        return found == options.end() ? std::nullopt : std::optional(found->second);
    }
};

// Long texts by their size.
std::string brief(const std::string& text) {
    constexpr std::size_t k_long = 100;
    return text.size() > k_long ? fmt::format("({} bytes)", text.size()) : text;
}

// Prints the records of a batch as it is appended.
class RecordPrinter final : public StateMachine {
public:
    using Name = std::function<std::string(const std::string&)>;
    RecordPrinter(std::vector<std::string>& lines, Name name) : lines_(lines), name_(std::move(name)) {}

    Status apply(const RecordView& record) override {
        const auto parsed = parse_record(record);
        if (!parsed) return std::unexpected(parsed.error());
        in_transaction_ = record.producer_id == k_no_producer_id
                              ? ""
                              : fmt::format(" if producer {} commits", record.producer_id.value());
        if (const auto* offset = std::get_if<OffsetRecord>(&*parsed)) print(*offset);
        if (const auto* group = std::get_if<GroupRecord>(&*parsed)) print(*group);
        return {};
    }
    void apply_marker(ProducerId producer_id, bool committed) override {
        lines_.push_back(
            fmt::format("log: {} of producer {}", committed ? "commit" : "abort", producer_id.value()));
    }
    void on_loaded(Turn&) override {}
    void on_alarm(const std::string&, Turn&) override {}
    void on_unload(const Error&) override {}

private:
    void print(const OffsetRecord& record) {
        const auto key = fmt::format("{} {}-{}", record.group_id, record.key.topic, record.key.partition);
        if (!record.value) {
            lines_.push_back(fmt::format("log: OffsetCommit {} deleted", key));
            return;
        }
        const auto expiry = record.value->expire_timestamp_ms.has_value();
        lines_.push_back(fmt::format(
            "log: OffsetCommit {} offset={} metadata='{}'{}{}{}", key, record.value->offset,
            brief(record.value->metadata), expiry ? " with expiry" : "",
            record.value->topic_id.is_zero() && !expiry ? " without topic id" : "", in_transaction_));
    }
    void print(const GroupRecord& record) {
        if (!record.value) {
            lines_.push_back(fmt::format("log: GroupMetadata {} deleted", record.group_id));
            return;
        }
        const auto& group = *record.value;
        std::string members;
        for (const auto& member : group.members)
            members +=
                fmt::format("{}{}{}:'{}'", members.empty() ? "" : " ", name_(member.member_id),
                            member.instance_id ? "/" + *member.instance_id : "", text_of(member.assignment));
        lines_.push_back(fmt::format("log: GroupMetadata {} generation={} protocol={} leader={} members=[{}]",
                                     record.group_id, group.generation, group.protocol.value_or("none"),
                                     group.leader ? name_(*group.leader) : "none", members));
    }
    std::vector<std::string>& lines_;
    Name name_;
    std::string in_transaction_;
};

class Story {
public:
    explicit Story(const GroupConfig& config) : world_({.config = config}) {
        world_.log.on_append = [this](const Slice& batch) {
            RecordPrinter printer(lines_, [this](const std::string& id) { return name(id); });
            ASSERT_TRUE(apply_batch(batch, printer).has_value());
        };
    }

    std::vector<std::string> play(std::string_view line) {
        const Command command(line);
        if (!admin(command) && !broker(command) && !member(command)) lines_.push_back("unknown command");
        world_.settle();
        return std::exchange(lines_, {});
    }

private:
    struct Client {
        std::string member_id;
        std::int32_t generation = -1;
    };

    bool broker(const Command& c) {
        if (c.who == "wait") {
            world_.loop.advance(Duration::millis(std::stoll(c.verb)));
        } else if (c.who != "broker") {
            return false;
        } else if (c.verb == "starts") {
            world_.elect();
        } else if (c.verb == "stops") {
            world_.resign();
        } else if (c.verb == "holds") {
            c.words.at(0) == "writes" ? world_.log.hold_writes() : world_.log.hold_loads();
        } else if (c.verb == "releases") {
            c.words.at(0) == "writes" ? world_.log.commit_all() : world_.log.release_loads();
        } else if (c.verb == "fails") {
            world_.log.fail_next(c.words.at(0) == "storage" ? ErrorCode::kafka_storage_error
                                                            : ErrorCode::not_enough_replicas);
        } else if (c.verb == "refuses") {
            world_.log.refuse_producers(fail(ErrorCode::invalid_producer_epoch));
        } else if (c.verb == "commits" || c.verb == "aborts") {
            end_transaction(c);
        } else {
            return false;
        }
        return true;
    }

    // The transaction coordinator of producer pid=N has decided.
    void end_transaction(const Command& c) {
        const TransactionEnd end{.producer_id = ProducerId{c.number("pid", 7)},
                                 .epoch = static_cast<std::int16_t>(c.number("epoch", 0)),
                                 .commits = c.verb == "commits"};
        groups().end_transaction(
            {.partition = PartitionIndex{0}, .end = end}, [this](Result<ErrorCode> result) {
                say("broker", "marker " + (result ? fmt::format("{}", *result) : error_text(result.error())));
            });
    }

    bool member(const Command& c) {
        if (c.words.empty()) return false;
        const std::string group = c.words[0];
        if (c.verb == "joins") return join(c, group), true;
        if (c.verb == "syncs") return sync(c, group), true;
        if (c.verb == "heartbeats") return heartbeat(c, group), true;
        if (c.verb == "leaves") return leave(c, group), true;
        if (c.verb == "commits") return commit(c, group), true;
        return false;
    }

    bool admin(const Command& c) {
        if (c.who != "admin") return false;
        if (c.verb == "fetches") return fetch(c), true;
        if (c.verb == "describes") return describe(c.words.at(0)), true;
        if (c.verb == "explains") return explain(c.words.at(0)), true;
        if (c.verb == "lists") return list(c), true;
        if (c.verb == "deletes" && c.words.size() > 1) return delete_offsets(c), true;
        if (c.verb == "deletes") {
            groups().remove({c.words.at(0)}, [this](Result<ErrorCode> result) {
                say("admin", result ? fmt::format("delete {}", *result) : error_text(result.error()));
            });
            return true;
        }
        return false;
    }

    void join(const Command& c, const std::string& group) {
        JoinRequest request{
            .group_id = group, .member_id = id_of(c), .client_id = c.who, .client_host = "/127.0.0.1"};
        request.instance_id = c.maybe("instance");
        request.session_timeout_ms = c.number("session", 10'000);
        request.rebalance_timeout_ms = c.number("rebalance", 60'000);
        request.protocol_type = c.get("type", "consumer");
        for (const auto& protocol : split(c.get("protocols", "range:" + c.who), ',')) {
            const auto colon = std::min(protocol.find(':'), protocol.size());
            request.protocols.push_back(
                {.name = protocol.substr(0, colon),
                 .metadata = c.maybe("topics")
                                 ? subscription_to(split(c.get("topics", ""), ','))
                                 : bytes_of(protocol.substr(std::min(colon + 1, protocol.size())))});
        }
        request.reason = c.get("reason", "");
        request.requires_known_member_id = c.number("version", 9) >= 4;
        request.supports_skipping_assignment = c.number("version", 9) >= 9;
        groups().join(std::move(request), [this, who = c.who](Result<JoinResult> result) {
            if (!result) return say(who, "join " + error_text(result.error()));
            if (!result->member_id.empty() && result->error != ErrorCode::fenced_instance_id)
                clients_[who].member_id = result->member_id;
            if (result->error == ErrorCode::none) clients_[who].generation = result->generation;
            say(who, join_text(*result));
        });
    }

    std::string join_text(const JoinResult& result) {
        if (result.error != ErrorCode::none)
            return fmt::format("join {} id={}", result.error, name(result.member_id));
        std::string members;
        for (const auto& member : result.members)
            members += fmt::format("{}{}{}:'{}'", members.empty() ? "" : " ", name(member.member_id),
                                   member.instance_id ? "/" + *member.instance_id : "",
                                   metadata_text(member.metadata));
        return fmt::format("joined generation={} id={} leader={} protocol={}{}{}", result.generation,
                           name(result.member_id), name(result.leader_id),
                           result.protocol_name.value_or("none"),
                           members.empty() ? "" : " members=[" + members + "]",
                           result.skip_assignment ? " skip_assignment" : "");
    }

    void sync(const Command& c, const std::string& group) {
        SyncRequest request{.group_id = group, .generation = generation_of(c), .member_id = id_of(c)};
        request.instance_id = c.maybe("instance");
        request.protocol_type = c.maybe("type");
        request.protocol_name = c.maybe("protocol");
        for (const auto& entry : split(c.get("assign", ""), ',')) {
            const auto colon = entry.find(':');
            request.assignments.push_back({.member_id = real_id(entry.substr(0, colon)),
                                           .assignment = bytes_of(entry.substr(colon + 1))});
        }
        groups().sync(std::move(request), [this, who = c.who](Result<SyncResult> result) {
            if (!result) return say(who, "sync " + error_text(result.error()));
            say(who, result->error == ErrorCode::none
                         ? fmt::format("synced assignment='{}'", text_of(result->assignment))
                         : fmt::format("sync {}", result->error));
        });
    }

    void heartbeat(const Command& c, const std::string& group) {
        groups().heartbeat({.group_id = group,
                            .generation = generation_of(c),
                            .member_id = id_of(c),
                            .instance_id = c.maybe("instance")},
                           [this, who = c.who](Result<ErrorCode> result) {
                               say(who, result ? fmt::format("heartbeat {}", *result)
                                               : "heartbeat " + error_text(result.error()));
                           });
    }

    // "members=m1#1,m2#1/i2,/i3": several at once, by member id, instance id or both.
    void leave(const Command& c, const std::string& group) {
        LeaveRequest request{.group_id = group};
        for (const auto& member : split(c.get("members", ""), ',')) {
            const auto slash = std::min(member.find('/'), member.size());
            request.members.push_back({.member_id = real_id(member.substr(0, slash)),
                                       .instance_id = slash == member.size()
                                                          ? std::nullopt
                                                          : std::optional(member.substr(slash + 1)),
                                       .reason = {}});
        }
        if (!c.maybe("members"))
            request.members.push_back(
                {.member_id = id_of(c), .instance_id = c.maybe("instance"), .reason = c.get("reason", "")});
        groups().leave(std::move(request), [this, who = c.who](Result<LeaveResult> result) {
            if (!result) return say(who, "leave " + error_text(result.error()));
            if (result->error != ErrorCode::none) return say(who, fmt::format("leave {}", result->error));
            for (const auto& member : result->members) say(who, fmt::format("leave {}", member.error));
        });
    }

    // Words after the group: topic-partition:offset[:metadata]
    void commit(const Command& c, const std::string& group) {
        OffsetCommitRequest request{.group_id = group, .generation = generation_of(c), .member_id = id_of(c)};
        request.instance_id = c.maybe("instance");
        if (c.maybe("retention")) request.retention_time_ms = c.number("retention", -1);
        if (c.maybe("pid"))
            request.transaction = {.producer_id = ProducerId{c.number("pid", -1)}, .epoch = 0};
        if (c.number("version", 9) < 9) request.unknown_group_error = ErrorCode::illegal_generation;
        for (std::size_t i = 1; i < c.words.size(); ++i) {
            const auto parts = split(c.words[i], ':');
            const auto dash = parts[0].rfind('-');
            OffsetCommitRequest::Partition partition{.partition = std::stoi(parts[0].substr(dash + 1)),
                                                     .offset = std::stoll(parts[1])};
            if (parts.size() > 2) partition.metadata = parts[2];
            if (c.maybe("metadata_size"))
                partition.metadata.assign(static_cast<std::size_t>(c.number("metadata_size", 0)), 'x');
            request.topics.push_back(
                {.name = parts[0].substr(0, dash), .topic_id = Uuid{1, 1}, .partitions = {partition}});
        }
        groups().commit_offsets(std::move(request), [this, who = c.who](Result<OffsetCommitResult> result) {
            if (!result) return say(who, "commit " + error_text(result.error()));
            std::string errors;
            for (const auto& topic : result->topics)
                for (const auto error : topic) errors += fmt::format(" {}", error);
            say(who, "commit" + errors);
        });
    }

    void fetch(const Command& c) {
        OffsetFetchRequest request{.group_id = c.words.at(0)};
        request.require_stable = c.maybe("stable").has_value();
        if (c.words.size() > 1) request.topics.emplace();
        for (std::size_t i = 1; i < c.words.size(); ++i) {
            const auto dash = c.words[i].rfind('-');
            request.topics->push_back(
                {.name = c.words[i].substr(0, dash), .partitions = {std::stoi(c.words[i].substr(dash + 1))}});
        }
        groups().fetch_offsets(std::move(request), [this](Result<OffsetFetchResult> result) {
            if (!result) return say("admin", "fetch " + error_text(result.error()));
            std::string offsets;
            for (const auto& topic : result->topics)
                for (const auto& p : topic.partitions)
                    offsets += fmt::format(" {}-{}={}{}{}", topic.name, p.partition, p.offset,
                                           p.metadata.empty() ? "" : ":" + p.metadata,
                                           p.error == ErrorCode::none ? "" : fmt::format("({})", p.error));
            say("admin", fmt::format("offsets{}", offsets.empty() ? " none" : offsets));
        });
    }

    // Words after the group: topic-partition
    void delete_offsets(const Command& c) {
        OffsetDeleteRequest request{.group_id = c.words.at(0), .topics = {}};
        for (std::size_t i = 1; i < c.words.size(); ++i) {
            const auto dash = c.words[i].rfind('-');
            request.topics.push_back(
                {.name = c.words[i].substr(0, dash), .partitions = {std::stoi(c.words[i].substr(dash + 1))}});
        }
        groups().delete_offsets(std::move(request), [this](Result<OffsetDeleteResult> result) {
            if (!result) return say("admin", "delete offsets " + error_text(result.error()));
            std::string errors;
            for (const auto error : result->topics) errors += fmt::format(" {}", error);
            if (result->error != ErrorCode::none) errors = fmt::format(" {}", result->error);
            say("admin", "delete offsets" + errors);
        });
    }

    void describe(const std::string& group) {
        groups().describe({group}, [this](Result<DescribedGroup> result) {
            if (!result) return say("admin", "describe " + error_text(result.error()));
            if (result->error != ErrorCode::none)
                return say("admin", fmt::format("describe {}", result->error));
            std::string members;
            for (const auto& member : result->members)
                members += fmt::format("{}{}@{} metadata='{}' assignment='{}'", members.empty() ? "" : ", ",
                                       name(member.member_id), member.client_host, text_of(member.metadata),
                                       text_of(member.assignment));
            say("admin", fmt::format("{} {} type={} protocol='{}' members=[{}]", result->group_id,
                                     result->state, result->protocol_type, result->protocol, members));
        });
    }

    void explain(const std::string& group) {
        const DescribeRequest request{.group_id = group, .with_rebalances = true};
        groups().describe(request, [this](Result<DescribedGroup> result) {
            if (!result) return say("admin", "explain " + error_text(result.error()));
            if (result->rebalances.empty()) say("admin", "no rebalances");
            for (const auto& each : result->rebalances)
                say("admin",
                    fmt::format("rebalance of {}ms: {} {} '{}' and {} more, generation={} members={}",
                                each.duration_ms, each.cause, name(each.member_id), each.reason,
                                each.further_causes, each.generation, each.members));
        });
    }

    void list(const Command& c) {
        ListFilter filter{.states = split(c.get("states", ""), ','), .types = split(c.get("types", ""), ',')};
        groups().list(std::move(filter), [this](Result<std::vector<ListedGroup>> result) {
            if (!result) return say("admin", "list " + error_text(result.error()));
            std::string groups;
            for (const auto& group : *result)
                groups += fmt::format(" {}({} {} '{}')", group.group_id, group.type, group.state,
                                      group.protocol_type);
            say("admin", "groups" + (groups.empty() ? " none" : groups));
        });
    }

    GroupCoordinator& groups() { return world_.groups(); }
    static std::string error_text(const Error& error) { return fmt::format("{}", error.code); }
    void say(const std::string& who, const std::string& what) {
        lines_.push_back(fmt::format("{}ms {} {}", (world_.loop.now() - Instant()).to_millis(), who, what));
    }

    // Random member ids are printed as client#1, client#2 in order of appearance.
    std::string name(const std::string& id) {
        if (id.empty()) return "none";
        const auto found = std::ranges::find(names_, id, &std::pair<std::string, std::string>::second);
        if (found != names_.end()) return found->first;
        constexpr std::size_t k_uuid_and_dash = 37;
        if (id.size() <= k_uuid_and_dash) return id;
        const auto prefix = id.substr(0, id.size() - k_uuid_and_dash);
        const auto label = fmt::format("{}#{}", prefix, ++seen_[prefix]);
        names_.emplace_back(label, id);
        return label;
    }
    std::string real_id(const std::string& label) const {
        const auto found = std::ranges::find(names_, label, &std::pair<std::string, std::string>::first);
        return found == names_.end() ? label : found->second;
    }
    std::string id_of(const Command& c) {
        if (const auto id = c.maybe("id")) return *id == "none" ? "" : real_id(*id);
        return clients_[c.who].member_id;
    }
    std::int32_t generation_of(const Command& c) {
        return c.number("generation", clients_[c.who].generation);
    }

    std::vector<std::string> lines_;
    TestWorld world_;
    std::map<std::string, Client> clients_;
    std::vector<std::pair<std::string, std::string>> names_;
    std::map<std::string, int> seen_;
};

constexpr const char* k_folder = "tests/transcripts/group";

std::vector<std::string> transcripts() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(k_folder))
        if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

// A story may begin with "settings max_size=N retention=MS".
GroupConfig config_of(const std::string& line) {
    GroupConfig config;
    const Command c("the " + line);
    if (c.verb != "settings") return config;
    config.max_size = c.number("max_size", config.max_size);
    config.offsets_retention_ms =
        c.number("retention", static_cast<std::int32_t>(config.offsets_retention_ms));
    return config;
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, PlaysAsWritten) {
    const auto path = fmt::format("{}/{}.txt", k_folder, GetParam());
    std::ifstream file(path);
    ASSERT_TRUE(file.is_open());
    std::string written;
    std::string played;
    std::optional<Story> story;
    for (std::string line; std::getline(file, line);) {
        written += line + "\n";
        if (line.starts_with("    ")) continue;
        played += line + "\n";
        if (line.empty() || line.starts_with("#")) continue;
        if (!story) story.emplace(config_of(line));
        if (line.starts_with("settings")) continue;
        for (const auto& happened : story->play(line)) played += "    " + happened + "\n";
    }
    if (std::getenv("UPDATE") != nullptr) {
        std::ofstream(path) << played;
        return;
    }
    EXPECT_EQ(written, played) << "run with UPDATE=1 to rewrite " << path;
}

INSTANTIATE_TEST_SUITE_P(Group, Transcript, testing::ValuesIn(transcripts()),
                         [](const auto& story) { return story.param; });

}  // namespace
}  // namespace gregor::coordinator
