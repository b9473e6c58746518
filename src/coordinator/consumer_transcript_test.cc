// Plays tests/transcripts/consumer_group/*.txt: commands at the left margin, what happens indented below
// them. UPDATE=1 rewrites the files with what happens now; review the difference as you review code.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/format.h"
#include "coordinator/batch_codec.h"
#include "coordinator/group/consumer/consumer_protocol.h"
#include "coordinator/test_world.h"
#include "gen/misc/consumer_protocol_assignment.h"
#include "gen/misc/consumer_protocol_subscription.h"
#include "protocol/writer.h"

namespace gregor::coordinator {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        if (!part.empty()) parts.push_back(part);
    return parts;
}

// "t-3"
std::pair<std::string, std::int32_t> partition_of(const std::string& text) {
    const auto dash = text.rfind('-');
    return {text.substr(0, dash), std::stoi(text.substr(dash + 1))};
}

// A command line: "who verb group key=value word ..."
class Command {
public:
    explicit Command(const std::string& line) : words_(split(line, ' ')) {}

    std::string word(std::size_t i) const { return i < words_.size() ? words_[i] : ""; }
    bool has(std::string_view word) const { return std::ranges::find(words_, word) != words_.end(); }
    std::optional<std::string> maybe(const std::string& key) const {
        for (const auto& word : words_)
            if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
        return std::nullopt;
    }
    std::string get(const std::string& key, const std::string& otherwise) const {
        return maybe(key).value_or(otherwise);
    }
    std::int32_t number(const std::string& key, std::int32_t otherwise) const {
        const auto found = maybe(key);
        return found ? std::stoi(*found) : otherwise;
    }

private:
    std::vector<std::string> words_;
};

// Names for topics and hashes, so that stories can be read.
class Names {
public:
    explicit Names(const TestTopics& images) : images_(images) {}

    std::string of(Uuid topic_id) {
        if (const auto* topic = images_.current()->topic(topic_id); topic != nullptr)
            topics_[topic_id] = topic->name;
        return topics_.contains(topic_id) ? topics_.at(topic_id) : topic_id.to_string();
    }
    std::string of(std::int64_t hash) {
        if (hash == 0) return "none";
        return "h" + std::to_string(hashes_.try_emplace(hash, hashes_.size() + 1).first->second);
    }
    std::string text(const Assignment& assignment) {
        std::string text;
        for (const auto& [topic_id, partitions] : assignment)
            for (const auto partition : partitions)
                text += fmt::format("{}{}-{}", text.empty() ? "" : " ", of(topic_id), partition);
        return "[" + text + "]";
    }
    std::string text(const PartitionEpochs& assignment) {
        std::string text;
        for (const auto& [topic_id, epochs] : assignment)
            for (const auto& [partition, epoch] : epochs)
                text += fmt::format("{}{}-{}@{}", text.empty() ? "" : " ", of(topic_id), partition, epoch);
        return "[" + text + "]";
    }

private:
    const TestTopics& images_;
    std::map<Uuid, std::string> topics_;
    std::map<std::int64_t, std::size_t> hashes_;
};

std::string_view state_text(MemberState state) {
    switch (state) {
        case MemberState::stable: return "Stable";
        case MemberState::unrevoked_partitions: return "UnrevokedPartitions";
        case MemberState::unreleased_partitions: return "UnreleasedPartitions";
        case MemberState::unknown: return "Unknown";
    }
    UNREACHABLE();
}

// Prints the records of a batch as it is appended.
class RecordPrinter final : public StateMachine {
public:
    RecordPrinter(std::vector<std::string>& lines, Names& names) : lines_(lines), names_(names) {}

    Status apply(const RecordView& record) override {
        const auto parsed = parse_record(record);
        if (!parsed) return std::unexpected(parsed.error());
        if (const auto* offset = std::get_if<OffsetRecord>(&*parsed)) print(*offset);
        if (const auto* group = std::get_if<GroupRecord>(&*parsed)) print(*group);
        if (const auto* consumer = std::get_if<ConsumerGroupRecord>(&*parsed)) {
            group_ = consumer->group_id;
            std::visit([this](const auto& change) { print(change); }, consumer->change);
        }
        return {};
    }
    void apply_marker(ProducerId, bool) override {}
    void on_loaded(Turn&) override {}
    void on_alarm(const std::string&, Turn&) override {}
    void on_unload(const Error&) override {}

private:
    void say(std::string_view record, const std::string& rest) {
        lines_.push_back(fmt::format("log: {} {} {}", record, group_, rest));
    }
    void print(const OffsetRecord& record) {
        group_ = record.group_id;
        say("OffsetCommit",
            fmt::format("{}-{} {}", record.key.topic, record.key.partition,
                        record.value ? "offset=" + std::to_string(record.value->offset) : "deleted"));
    }
    void print(const GroupRecord& record) {
        group_ = record.group_id;
        if (!record.value) return say("GroupMetadata", "deleted");
        std::string members;
        for (const auto& member : record.value->members) members += " " + member.member_id;
        say("GroupMetadata", fmt::format("generation={} members:{}", record.value->generation, members));
    }
    void print(const GroupEpochChange& change) {
        say("ConsumerGroupMetadata", change.value ? fmt::format("epoch={} topics={}", change.value->epoch,
                                                                names_.of(change.value->metadata_hash))
                                                  : "deleted");
    }
    void print(const PartitionMetadataChange&) { say("ConsumerGroupPartitionMetadata", "deleted"); }
    void print(const MemberMetadataChange& change) {
        if (!change.value) return say("MemberMetadata", change.member_id + " deleted");
        const auto& value = *change.value;
        say("MemberMetadata",
            fmt::format("{} topics=[{}]{}{}{}{}", change.member_id, fmt::join(value.subscribed_topics, " "),
                        value.has_regex() ? " regex=" + *value.subscribed_regex : "",
                        value.instance_id ? " instance=" + *value.instance_id : "",
                        value.server_assignor ? " assignor=" + *value.server_assignor : "",
                        value.classic ? " classic" : ""));
    }
    void print(const TargetEpochChange& change) {
        say("TargetAssignmentMetadata",
            change.value ? fmt::format("epoch={}", change.value->epoch) : "deleted");
    }
    void print(const TargetChange& change) {
        say("TargetAssignmentMember",
            change.member_id + " " + (change.value ? names_.text(*change.value) : "deleted"));
    }
    void print(const CurrentAssignmentChange& change) {
        if (!change.value) return say("CurrentMemberAssignment", change.member_id + " deleted");
        const auto& value = *change.value;
        say("CurrentMemberAssignment",
            fmt::format("{} epoch={} previous={} {} {}{}", change.member_id, value.epoch,
                        value.previous_epoch, state_text(value.state), names_.text(value.assigned),
                        value.pending_revocation.empty()
                            ? ""
                            : " revoking=" + names_.text(value.pending_revocation)));
    }
    void print(const RegexChange& change) {
        say("RegularExpression",
            fmt::format(
                "{} {}", change.regex,
                change.value ? fmt::format("topics=[{}]", fmt::join(change.value->topics, " ")) : "deleted"));
    }
    std::vector<std::string>& lines_;
    Names& names_;
    std::string group_;
};

// One story. A member is called by its id; what it was told last is what it knows.
//   NAME joins GROUP topics=T,U [regex=R] [instance=I] [assignor=A] [rebalance=MS] [version=0]
//   NAME heartbeats GROUP [epoch=N] [owned=all|none|null|t-0,t-1] [topics=..]
//   NAME leaves GROUP [returning]              returning: a static member that comes back (epoch -2)
//   NAME commits GROUP t-0:5 [epoch=N] [version=N] [pid=N];  NAME fetches GROUP [epoch=N]
//   NAME classic-joins GROUP topics=T [owned=..] [malformed];  classic-heartbeats|classic-leaves GROUP
//   NAME classic-syncs GROUP [assign=NAME:t-0,..] [custom]     custom: the assignor has data of its own
//   admin describes|classic-describes|explains|classic-explains|deletes GROUP | lists [types=..] [states=..]
//   topic T partitions=N | deleted;  config GROUP KEY=VALUE;  wait MS
//   broker starts|stops|holds writes|releases writes|fails write
class ConsumerStory {
public:
    explicit ConsumerStory(const GroupConfig& config) : world_({.config = config}), names_(world_.images) {
        world_.log.on_append = [this](const Slice& batch) {
            RecordPrinter printer(lines_, names_);
            ASSERT_TRUE(apply_batch(batch, printer).has_value());
        };
    }

    std::vector<std::string> play(const std::string& line) {
        const Command command(line);
        if (!surroundings(command) && !admin(command) && !classic(command) && !member(command))
            lines_.push_back("unknown command");
        world_.settle();
        return std::exchange(lines_, {});
    }

private:
    struct Client {
        std::string member_id;
        std::int32_t epoch = 0;
        Assignment assigned;
        std::vector<std::string> topics;
    };

    bool surroundings(const Command& c) {
        if (c.word(0) == "wait") {
            world_.loop.advance(Duration::millis(std::stoll(c.word(1))));
        } else if (c.word(0) == "topic") {
            change_topic(c);
        } else if (c.word(0) == "config") {
            const auto parts = split(c.word(2), '=');
            world_.images.put_group_config(c.word(1), parts.at(0), parts.at(1));
        } else if (c.word(0) == "broker") {
            return broker(c.word(1));
        } else {
            return false;
        }
        return true;
    }
    void change_topic(const Command& c) {
        const auto name = c.word(1);
        const auto* known = world_.images.current()->topic(name);
        const auto id = known == nullptr ? Uuid{} : known->id;
        if (known != nullptr) names_.of(id);
        if (c.has("deleted")) {
            world_.images.remove_topic(name);
            groups().on_topic_deleted(name, id);
        } else {
            world_.images.put_topic(name, c.number("partitions", 1));
        }
        groups().on_topics_changed({name}, id.is_zero());
    }
    bool broker(const std::string& what) {
        if (what == "starts")
            world_.elect();
        else if (what == "stops")
            world_.resign();
        else if (what == "holds")
            world_.log.hold_writes();
        else if (what == "releases")
            world_.log.commit_all();
        else if (what == "fails")
            world_.log.fail_next(ErrorCode::not_enough_replicas);
        else
            return false;
        return true;
    }

    // ------------------------------------------------------------ the consumer protocol

    bool member(const Command& c) {
        if (c.word(1) == "joins") return heartbeat(c, request_to_join(c)), true;
        if (c.word(1) == "heartbeats") return heartbeat(c, request_of(c, client(c).epoch)), true;
        if (c.word(1) == "leaves") return heartbeat(c, request_of(c, c.has("returning") ? -2 : -1)), true;
        if (c.word(1) == "commits") return commit(c), true;
        if (c.word(1) == "fetches") return fetch(c), true;
        return false;
    }
    Client& client(const Command& c) {
        auto& client = clients_[c.word(0)];
        if (client.member_id.empty()) client.member_id = c.word(0);
        return client;
    }
    ConsumerHeartbeatRequest request_of(const Command& c, std::int32_t epoch) {
        ConsumerHeartbeatRequest request;
        request.group_id = c.get("group", c.word(2));
        request.member_id = c.get("id", client(c).member_id);
        request.member_epoch = c.number("epoch", epoch);
        request.instance_id = c.maybe("instance");
        request.rack_id = c.maybe("rack");
        request.rebalance_timeout_ms = c.number("rebalance", -1);
        if (const auto topics = c.maybe("topics")) request.subscribed_topics = split(*topics, ',');
        request.subscribed_regex = c.maybe("regex");
        request.server_assignor = c.maybe("assignor");
        if (const auto owned = c.get("owned", "null"); owned != "null") request.owned = owned_of(c, owned);
        request.client_id = c.word(0);
        request.client_host = "/127.0.0.1";
        request.requires_member_id = c.number("version", 1) >= 1;
        if (const auto hidden = c.maybe("hidden"))
            request.may_describe = [hidden = *hidden](std::string_view topic) { return topic != hidden; };
        return request;
    }
    ConsumerHeartbeatRequest request_to_join(const Command& c) {
        auto request = request_of(c, 0);
        if (!c.maybe("rebalance")) request.rebalance_timeout_ms = 60'000;
        if (!c.maybe("owned")) request.owned.emplace();
        return request;
    }
    Assignment owned_of(const Command& c, const std::string& text) {
        if (text == "all") return client(c).assigned;
        Assignment owned;
        if (text == "none") return owned;
        for (const auto& part : split(text, ',')) {
            const auto [topic, partition] = partition_of(part);
            owned[world_.images.current()->topic(topic)->id].insert(partition);
        }
        return owned;
    }
    void heartbeat(const Command& c, ConsumerHeartbeatRequest request) {
        const auto epoch = request.member_epoch;
        groups().consumer_heartbeat(
            std::move(request), [this, c, epoch](const Result<ConsumerHeartbeatResult>& result) {
                if (!result) return say(c, error_text(result.error()));
                if (result->error != ErrorCode::none)
                    return say(c, fmt::format("{} {}", result->error, result->error_message));
                if (epoch < 0) return say(c, fmt::format("left epoch={}", result->member_epoch));
                auto& known = client(c);
                known.epoch = result->member_epoch;
                if (result->assignment) known.assigned = *result->assignment;
                say(c, fmt::format("epoch={} {}", result->member_epoch,
                                   result->assignment ? names_.text(*result->assignment) : "unchanged"));
            });
    }
    void commit(const Command& c) {
        OffsetCommitRequest request{.group_id = c.word(2),
                                    .generation = c.number("epoch", client(c).epoch),
                                    .member_id = c.get("id", client(c).member_id)};
        if (request.member_id == "none") request.member_id.clear();
        request.knows_member_epochs = c.number("version", 9) >= 9;
        if (!request.knows_member_epochs) request.unknown_group_error = ErrorCode::illegal_generation;
        if (c.maybe("pid"))
            request.transaction = {.producer_id = ProducerId{c.number("pid", -1)}, .epoch = 0};
        const auto parts = split(c.word(3), ':');
        const auto [topic, partition] = partition_of(parts.at(0));
        const auto* known = world_.images.current()->topic(topic);
        request.topics.push_back(
            {.name = topic,
             .topic_id = known == nullptr ? Uuid{} : known->id,
             .partitions = {{.partition = partition, .offset = std::stoll(parts.at(1))}}});
        groups().commit_offsets(std::move(request), [this, c](const Result<OffsetCommitResult>& result) {
            say(c, "commit " +
                       (result ? fmt::format("{}", result->topics.at(0).at(0)) : error_text(result.error())));
        });
    }
    void fetch(const Command& c) {
        OffsetFetchRequest request{.group_id = c.word(2)};
        request.member_epoch = c.number("epoch", client(c).epoch);
        if (c.get("id", "") != "none") request.member_id = c.get("id", client(c).member_id);
        groups().fetch_offsets(std::move(request), [this, c](const Result<OffsetFetchResult>& result) {
            if (!result) return say(c, error_text(result.error()));
            std::string offsets;
            for (const auto& topic : result->topics)
                for (const auto& p : topic.partitions)
                    offsets += fmt::format(" {}-{}={}", topic.name, p.partition, p.offset);
            say(c, result->error == ErrorCode::none ? "offsets" + (offsets.empty() ? " none" : offsets)
                                                    : fmt::format("fetch {}", result->error));
        });
    }

    // ------------------------------------------------------------ the classic protocol

    bool classic(const Command& c) {
        if (c.word(1) == "classic-joins") return classic_join(c), true;
        if (c.word(1) == "classic-syncs") return classic_sync(c), true;
        if (c.word(1) == "classic-heartbeats") return classic_heartbeat(c), true;
        if (c.word(1) == "classic-leaves") return classic_leave(c), true;
        return false;
    }
    // The one it was given, or "id=..", of which "none" is no id.
    std::string classic_id(const Command& c) {
        const auto id = c.get("id", classic_ids_[c.word(0)]);
        return id == "none" ? "" : id;
    }
    OwnedBytes subscription(const Command& c) {
        if (c.has("malformed")) return OwnedBytes(3, std::byte{0xff});
        msg::ConsumerProtocolSubscription message;
        const auto topics = split(c.get("topics", "t"), ',');
        message.topics.assign(topics.begin(), topics.end());
        std::vector<std::pair<std::string, std::int32_t>> owned;
        if (c.get("owned", "all") == "all")
            for (const auto& [topic_id, partitions] : client(c).assigned)
                for (const auto partition : partitions) owned.emplace_back(names_.of(topic_id), partition);
        for (const auto& [topic, partition] : owned) message.owned_partitions.push_back({topic, {partition}});
        protocol::Writer writer;
        writer.i16(1);
        message.encode(writer, 1);
        return writer.take().flatten();
    }
    void classic_join(const Command& c) {
        JoinRequest request{.group_id = c.word(2),
                            .member_id = c.has("anew") ? "" : classic_id(c),
                            .client_id = c.word(0),
                            .client_host = "/127.0.0.1"};
        request.instance_id = c.maybe("instance");
        request.session_timeout_ms = c.number("session", 10'000);
        request.rebalance_timeout_ms = c.number("rebalance", 60'000);
        request.protocol_type = c.get("type", "consumer");
        request.protocols.push_back({.name = c.get("protocol", "range"), .metadata = subscription(c)});
        request.requires_known_member_id = c.number("version", 3) >= 4;
        groups().join(std::move(request), [this, c](const Result<JoinResult>& result) {
            if (!result) return say(c, error_text(result.error()));
            auto& id = classic_ids_[c.word(0)];
            if (!result->member_id.empty()) id = result->member_id;
            if (result->error != ErrorCode::none) return say(c, fmt::format("join {}", result->error));
            client(c).epoch = result->generation;
            client(c).member_id = id;
            joined_members_.clear();
            for (const auto& member : result->members) joined_members_.push_back(member.member_id);
            say(c,
                fmt::format(
                    "joined generation={} protocol={}{}", result->generation,
                    result->protocol_name.value_or("none"),
                    joined_members_.empty() ? "" : fmt::format(" leads {} members", joined_members_.size())));
        });
    }
    // "assign=a:t-0,b:t-1" of a leader, members by name
    void classic_sync(const Command& c) {
        SyncRequest request{.group_id = c.word(2),
                            .generation = c.number("generation", client(c).epoch),
                            .member_id = classic_id(c)};
        request.instance_id = c.maybe("instance");
        request.protocol_type = c.get("type", "consumer");
        request.protocol_name = c.get("protocol", "range");
        for (const auto& entry : split(c.get("assign", ""), ',')) {
            const auto colon = entry.find(':');
            const auto [topic, partition] = partition_of(entry.substr(colon + 1));
            request.assignments.push_back({.member_id = classic_ids_[entry.substr(0, colon)],
                                           .assignment = assignment_of(topic, partition, c.has("custom"))});
        }
        groups().sync(std::move(request), [this, c](const Result<SyncResult>& result) {
            if (!result) return say(c, error_text(result.error()));
            if (result->error != ErrorCode::none) return say(c, fmt::format("sync {}", result->error));
            auto& assigned = client(c).assigned;
            assigned.clear();
            const auto read = read_assignment(result->assignment);
            if (read)
                for (const auto& [topic, partitions] : read->partitions)
                    assigned[world_.images.current()->topic(topic)->id].insert(partitions.begin(),
                                                                               partitions.end());
            say(c, "synced " + names_.text(assigned));
        });
    }
    static OwnedBytes assignment_of(const std::string& topic, std::int32_t partition, bool is_custom) {
        msg::ConsumerProtocolAssignment assignment;
        assignment.assigned_partitions.push_back({topic, {partition}});
        if (is_custom) assignment.user_data = as_bytes("mine");
        protocol::Writer writer;
        writer.i16(1);
        assignment.encode(writer, 1);
        return writer.take().flatten();
    }
    void classic_heartbeat(const Command& c) {
        groups().heartbeat(
            {.group_id = c.word(2),
             .generation = c.number("generation", client(c).epoch),
             .member_id = classic_id(c),
             .instance_id = c.maybe("instance")},
            [this, c](const Result<ErrorCode>& result) {
                say(c, "heartbeat " + (result ? fmt::format("{}", *result) : error_text(result.error())));
            });
    }
    void classic_leave(const Command& c) {
        LeaveRequest request{.group_id = c.word(2)};
        request.members.push_back({.member_id = classic_id(c), .instance_id = c.maybe("instance")});
        groups().leave(std::move(request), [this, c](const Result<LeaveResult>& result) {
            if (!result) return say(c, error_text(result.error()));
            for (const auto& member : result->members) say(c, fmt::format("leave {}", member.error));
        });
    }

    // ------------------------------------------------------------ admin

    bool admin(const Command& c) {
        if (c.word(0) != "admin") return false;
        if (c.word(1) == "describes") return describe(c), true;
        if (c.word(1) == "explains") return explain(c), true;
        if (c.word(1) == "classic-explains") return classic_explain(c), true;
        if (c.word(1) == "classic-describes") return classic_describe(c), true;
        if (c.word(1) == "lists") return list(c), true;
        if (c.word(1) == "fetches") return fetch_all(c), true;
        if (c.word(1) != "deletes") return false;
        groups().remove({c.word(2)}, [this, c](const Result<ErrorCode>& result) {
            say(c, result ? fmt::format("delete {}", *result) : error_text(result.error()));
        });
        return true;
    }
    void fetch_all(const Command& c) {
        groups().fetch_offsets({.group_id = c.word(2)}, [this, c](const Result<OffsetFetchResult>& result) {
            std::string offsets;
            for (const auto& topic : result->topics)
                for (const auto& p : topic.partitions)
                    offsets += fmt::format(" {}-{}={}", topic.name, p.partition, p.offset);
            say(c, "offsets" + (offsets.empty() ? " none" : offsets));
        });
    }
    void describe(const Command& c) {
        groups().describe_consumer({c.word(2)}, [this, c](const Result<DescribedConsumerGroup>& result) {
            if (!result) return say(c, error_text(result.error()));
            if (result->error != ErrorCode::none)
                return say(c, fmt::format("{} {}", result->error, result->error_message));
            say(c, fmt::format("{} {} epoch={} assignment_epoch={} assignor={}", result->group_id,
                               result->state, result->epoch, result->assignment_epoch, result->assignor));
            for (const auto& member : result->members)
                say(c, fmt::format("  {}{} epoch={} has {} target {}", member.member_id,
                                   member.is_classic ? " (classic)" : "", member.epoch,
                                   text_of(member.assignment), text_of(member.target)));
        });
    }
    static std::string text_of(const std::vector<DescribedConsumerGroup::TopicPartitions>& topics) {
        std::string text;
        for (const auto& topic : topics)
            for (const auto partition : topic.partitions)
                text += fmt::format("{}{}-{}", text.empty() ? "" : " ", topic.name, partition);
        return "[" + text + "]";
    }
    void explain(const Command& c) {
        groups().describe_consumer({.group_id = c.word(2), .with_rebalances = true},
                                   [this, c](const Result<DescribedConsumerGroup>& result) {
                                       if (!result) return say(c, error_text(result.error()));
                                       if (result->rebalances.empty()) say(c, "no rebalances");
                                       for (const auto& each : result->rebalances)
                                           say(c, rebalance_text(each));
                                   });
    }
    void classic_explain(const Command& c) {
        groups().describe({.group_id = c.word(2), .with_rebalances = true},
                          [this, c](const Result<DescribedGroup>& result) {
                              if (!result) return say(c, error_text(result.error()));
                              for (const auto& each : result->rebalances) say(c, rebalance_text(each));
                          });
    }
    static std::string rebalance_text(const protocol::Rebalance& each) {
        return fmt::format("rebalance of {}ms: {} {} and {} more, epoch={} members={}", each.duration_ms,
                           each.cause, each.member_id, each.further_causes, each.generation, each.members);
    }
    void classic_describe(const Command& c) {
        groups().describe({c.word(2)}, [this, c](const Result<DescribedGroup>& result) {
            if (!result) return say(c, error_text(result.error()));
            say(c,
                result->error == ErrorCode::none
                    ? fmt::format("{} {} {} members", result->group_id, result->state, result->members.size())
                    : fmt::format("{} {}", result->error, result->error_message));
        });
    }
    void list(const Command& c) {
        ListFilter filter{.states = split(c.get("states", ""), ','), .types = split(c.get("types", ""), ',')};
        groups().list(std::move(filter), [this, c](const Result<std::vector<ListedGroup>>& result) {
            std::string groups;
            for (const auto& group : *result)
                groups += fmt::format(" {}({} {} '{}')", group.group_id, group.type, group.state,
                                      group.protocol_type);
            say(c, "groups" + (groups.empty() ? " none" : groups));
        });
    }

    GroupCoordinator& groups() { return world_.groups(); }
    static std::string error_text(const Error& error) {
        return fmt::format("{}{}{}", error.code, error.detail.empty() ? "" : " ", error.detail);
    }
    void say(const Command& c, const std::string& what) {
        lines_.push_back(fmt::format("{}ms {} {}", (world_.loop.now() - Instant()).to_millis(), c.word(0),
                                     shortened(what)));
    }
    // Random ids by the names of those who got them.
    std::string shortened(std::string text) {
        for (const auto& [name, id] : classic_ids_) {
            if (id.empty() || id == name) continue;
            for (auto at = text.find(id); at != std::string::npos; at = text.find(id))
                text.replace(at, id.size(), name);
        }
        return text;
    }

    std::vector<std::string> lines_;
    TestWorld world_;
    Names names_;
    std::map<std::string, Client> clients_;
    std::map<std::string, std::string> classic_ids_;
    std::vector<std::string> joined_members_;
};

constexpr const char* k_folder = "tests/transcripts/consumer_group";

std::vector<std::string> transcripts() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(k_folder))
        if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

// A story may begin with "settings KEY=VALUE ...".
GroupConfig config_of(const std::string& line) {
    GroupConfig config;
    const Command c(line);
    if (c.word(0) != "settings") return config;
    config.consumer.max_size = c.number("max_size", config.consumer.max_size);
    config.max_size = c.number("classic_max_size", config.max_size);
    config.consumer.assignment_interval_ms = c.number("assignment_interval", 0);
    const auto policy = c.get("migration", "bidirectional");
    config.consumer.migration = policy == "disabled"    ? MigrationPolicy::disabled
                                : policy == "upgrade"   ? MigrationPolicy::upgrade
                                : policy == "downgrade" ? MigrationPolicy::downgrade
                                                        : MigrationPolicy::bidirectional;
    return config;
}

class ConsumerTranscript : public testing::TestWithParam<std::string> {};

TEST_P(ConsumerTranscript, PlaysAsWritten) {
    const auto path = fmt::format("{}/{}.txt", k_folder, GetParam());
    std::ifstream file(path);
    ASSERT_TRUE(file.is_open());
    std::string written;
    std::string played;
    std::optional<ConsumerStory> story;
    for (std::string line; std::getline(file, line);) {
        written += line + "\n";
        if (line.starts_with("    ")) continue;
        played += line + "\n";
        if (line.empty() || line.starts_with("#")) continue;
        const bool is_settings = line.starts_with("settings");
        if (!story) story.emplace(config_of(line));
        if (is_settings) continue;
        for (const auto& happened : story->play(line)) played += "    " + happened + "\n";
    }
    if (std::getenv("UPDATE") != nullptr) {
        std::ofstream(path) << played;
        return;
    }
    EXPECT_EQ(written, played) << "run with UPDATE=1 to rewrite " << path;
}

INSTANTIATE_TEST_SUITE_P(ConsumerGroup, ConsumerTranscript, testing::ValuesIn(transcripts()),
                         [](const auto& story) { return story.param; });

}  // namespace
}  // namespace gregor::coordinator
