#include "raft/quorum_state.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>

namespace gregor::raft {
namespace {

// Reads the JSON of this one file: an object of integers, strings without escapes, null, and one list of flat
// objects. Sticky failure: after one, every call returns nothing.
class FlatJson {
public:
    explicit FlatJson(std::string_view text) : rest_(text) {}

    bool failed() const { return failed_; }
    bool at_end() {
        skip_space();
        return rest_.empty();
    }
    bool take(char c) {
        skip_space();
        if (failed_ || rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char c) { failed_ = !take(c) || failed_; }
    bool take_null() {
        skip_space();
        if (!rest_.starts_with("null")) return false;
        rest_.remove_prefix(4);
        return true;
    }
    std::string_view string() {
        expect('"');
        const auto end = rest_.find('"');
        if (failed_ || end == std::string_view::npos ||
            rest_.substr(0, end).find('\\') != std::string_view::npos) {
            failed_ = true;
            return {};
        }
        const auto text = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return text;
    }
    std::int64_t integer() {
        skip_space();
        std::int64_t value = 0;
        const auto [end, failure] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        if (failed_ || failure != std::errc{}) {
            failed_ = true;
            return 0;
        }
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }

private:
    void skip_space() {
        while (!rest_.empty() && (rest_.front() == ' ' || (rest_.front() >= '\t' && rest_.front() <= '\r')))
            rest_.remove_prefix(1);
    }
    std::string_view rest_;
    bool failed_ = false;
};

std::vector<BrokerId> parse_voters(FlatJson& json) {
    std::vector<BrokerId> voters;
    if (json.take_null()) return voters;
    json.expect('[');
    if (json.take(']')) return voters;
    do {
        json.expect('{');
        if (json.string() != "voterId") json.expect('!');  // no other field exists
        json.expect(':');
        voters.emplace_back(static_cast<std::int32_t>(json.integer()));
        json.expect('}');
    } while (json.take(','));
    json.expect(']');
    return voters;
}

struct Fields {
    std::map<std::string_view, std::int64_t> integers;
    std::map<std::string_view, std::string_view> strings;
    std::optional<std::vector<BrokerId>> voters;
};

void parse_field(FlatJson& json, Fields& fields) {
    const auto name = json.string();
    json.expect(':');
    if (name == "currentVoters") {
        fields.voters = parse_voters(json);
    } else if (name == "clusterId" || name == "votedDirectoryId") {
        fields.strings[name] = json.string();
    } else {
        fields.integers[name] = json.integer();
    }
}

std::unexpected<Error> malformed(std::string_view why) {
    return fail(ErrorCode::corrupt_message, fmt::format("the quorum-state file is malformed: {}", why));
}

Result<QuorumState> to_state(const Fields& fields) {
    for (const auto* required : {"leaderId", "leaderEpoch", "votedId", "data_version"}) {
        if (!fields.integers.contains(required)) return malformed(fmt::format("{} is missing", required));
    }
    const auto int32 = [&fields](const char* name) {
        return static_cast<std::int32_t>(fields.integers.find(name)->second);
    };
    QuorumState state;
    state.data_version = static_cast<std::int16_t>(int32("data_version"));
    state.leader_id = BrokerId{int32("leaderId")};
    state.leader_epoch = LeaderEpoch{int32("leaderEpoch")};
    state.voted_id = BrokerId{int32("votedId")};
    if (state.data_version == 0) {
        state.static_voters = fields.voters.value_or(std::vector<BrokerId>{});
        return state;
    }
    if (state.data_version != 1)
        return malformed(fmt::format("data_version {} is newer than this program", state.data_version));
    const auto directory = fields.strings.find("votedDirectoryId");
    const auto id = directory == fields.strings.end() ? std::nullopt : Uuid::parse(directory->second);
    if (!id) return malformed("votedDirectoryId is missing or no id");
    state.voted_directory_id = *id;
    return state;
}

}  // namespace

std::string QuorumState::to_text() const {
    if (data_version >= 1) {
        return fmt::format(
            R"({{"leaderId":{},"leaderEpoch":{},"votedId":{},"votedDirectoryId":"{}","data_version":{}}})",
            leader_id.value(), leader_epoch.value(), voted_id.value(), voted_directory_id.to_string(),
            data_version);
    }
    std::string voters;
    for (const auto voter : static_voters)
        fmt::format_to(std::back_inserter(voters), R"({}{{"voterId":{}}})", voters.empty() ? "" : ",",
                       voter.value());
    return fmt::format(
        R"({{"clusterId":"","leaderId":{},"leaderEpoch":{},"votedId":{},"appliedOffset":0,"currentVoters":[{}],)"
        R"("data_version":0}})",
        leader_id.value(), leader_epoch.value(), voted_id.value(), voters);
}

Result<QuorumState> QuorumState::parse(std::string_view text) {
    FlatJson json(text);
    Fields fields;
    json.expect('{');
    do {
        parse_field(json, fields);
    } while (!json.failed() && json.take(','));
    json.expect('}');
    if (json.failed() || !json.at_end()) return malformed("not the JSON object that Kafka writes");
    return to_state(fields);
}

}  // namespace gregor::raft
