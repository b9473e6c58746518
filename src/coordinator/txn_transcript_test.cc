// Plays tests/transcripts/txn/*.txt: commands at the left margin, what happens indented below them.
// UPDATE=1 rewrites the files with what happens now; review the difference as you review code.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/format.h"
#include "coordinator/batch_codec.h"
#include "coordinator/txn/txn_records.h"
#include "coordinator/txn_test_world.h"

namespace gregor::coordinator {
namespace {

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word == "\"\"" ? "" : word);
    return words;
}

TxnPartition partition_of(const std::string& text) {
    const auto dash = text.rfind('-');
    return {.topic = text.substr(0, dash), .partition = std::stoi(text.substr(dash + 1))};
}

std::string text_of(const std::vector<TxnPartition>& partitions) {
    std::string text;
    for (const auto& [topic, partition] : partitions)
        text += fmt::format("{}{}-{}", text.empty() ? "" : " ", topic, partition);
    return text;
}

// Prints the records of a batch as it is appended.
class TxnPrinter final : public StateMachine {
public:
    explicit TxnPrinter(std::vector<std::string>& lines) : lines_(lines) {}

    Status apply(const RecordView& record) override {
        const auto parsed = parse_transaction(record);
        if (!parsed) return std::unexpected(parsed.error());
        const auto& [id, value] = **parsed;
        if (!value) {
            lines_.push_back(fmt::format("log: {} deleted", id));
            return {};
        }
        lines_.push_back(fmt::format(
            "log: {} {} producer={} epoch={}{} [{}]", id, state_name(value->state),
            value->producer.id.value(), value->producer.epoch,
            value->next_id == k_no_producer_id ? "" : fmt::format(" next={}", value->next_id.value()),
            text_of({value->partitions.begin(), value->partitions.end()})));
        return {};
    }
    void apply_marker(ProducerId, bool) override {}
    void on_loaded(Turn&) override {}
    void on_alarm(const std::string&, Turn&) override {}
    void on_unload(const Error&) override {}

private:
    std::vector<std::string>& lines_;
};

// One story. A client is "name": what it was told last is its identity.
//   NAME inits ID [timeout=MS] [resumes]       InitProducerId; resumes: with the identity it has
//   NAME adds ID PARTITION... [v2] [verify]    AddPartitionsToTxn
//   NAME commits|aborts ID [v2] [epoch=N] [pid=N]
//   admin describes ID | lists;  cluster at LEVEL;  partition NAME fails|works|fences|outlives
//   broker starts|stops|holds writes|releases writes|fails write;  wait MS
class TxnStory {
public:
    TxnStory() : world_({}) {
        world_.add_topic("t", 3);
        world_.add_topic("__consumer_offsets", 1);
        world_.log.on_append = [this](const Slice& batch) {
            TxnPrinter printer(lines_);
            ASSERT_TRUE(apply_batch(batch, printer).has_value());
        };
        world_.markers.on_write = [this](const TransactionEnd& end, const TxnPartition& at, ErrorCode error) {
            lines_.push_back(fmt::format("marker: {} of producer {} epoch {} in {}-{}{}",
                                         end.commits ? "commit" : "abort", end.producer_id.value(), end.epoch,
                                         at.topic, at.partition,
                                         error == ErrorCode::none ? "" : fmt::format(": {}", error)));
        };
    }

    std::vector<std::string> play(const std::string& line) {
        words_ = words_of(line);
        if (!surroundings() && !client()) lines_.push_back("unknown command");
        world_.settle();
        return std::exchange(lines_, {});
    }

private:
    const std::string& word(std::size_t i) const {
        static const std::string none;
        return i < words_.size() ? words_[i] : none;
    }
    bool has(std::string_view option) const { return std::ranges::find(words_, option) != words_.end(); }
    std::int64_t number(const std::string& key, std::int64_t otherwise) const {
        for (const auto& word : words_)
            if (word.starts_with(key + "=")) return std::stoll(word.substr(key.size() + 1));
        return otherwise;
    }

    bool surroundings() {
        if (word(0) == "wait") {
            world_.loop.advance(Duration::millis(std::stoll(word(1))));
        } else if (word(0) == "cluster") {
            world_.set_version(static_cast<std::int16_t>(std::stoi(word(2))));
        } else if (word(0) == "topic") {
            world_.remove_topic(word(1));
        } else if (word(0) == "partition") {
            world_.markers.set_error(partition_of(word(1)), answer_to_markers(word(2)));
        } else if (word(0) == "admin") {
            word(1) == "lists" ? list() : describe(word(2));
        } else if (word(0) == "broker") {
            broker();
        } else {
            return false;
        }
        return true;
    }

    // fences: it knows a newer owner of the id; outlives: a newer coordinator.
    static ErrorCode answer_to_markers(const std::string& how) {
        if (how == "works") return ErrorCode::none;
        if (how == "fences") return ErrorCode::invalid_producer_epoch;
        return how == "outlives" ? ErrorCode::transaction_coordinator_fenced
                                 : ErrorCode::not_leader_or_follower;
    }

    void broker() {
        if (word(1) == "starts") world_.elect();
        if (word(1) == "stops") world_.resign();
        if (word(1) == "holds") word(2) == "loads" ? world_.log.hold_loads() : world_.log.hold_writes();
        if (word(1) == "releases") word(2) == "loads" ? world_.log.release_loads() : world_.log.commit_all();
        if (word(1) == "fails") world_.log.fail_next(ErrorCode::not_enough_replicas);
    }

    bool client() {
        if (word(1) == "inits") return init(word(0), word(2)), true;
        if (word(1) == "adds") return add(word(0), word(2)), true;
        if (word(1) == "commits" || word(1) == "aborts")
            return end(word(0), word(2), word(1) == "commits"), true;
        return false;
    }

    ProducerIdentity identity_of(const std::string& who) {
        auto identity = identities_[who];
        identity.id = ProducerId{number("pid", identity.id.value())};
        identity.epoch = static_cast<std::int16_t>(number("epoch", identity.epoch));
        return identity;
    }

    void init(const std::string& who, const std::string& id) {
        InitProducerRequest request{.transactional_id = id,
                                    .timeout_ms = static_cast<std::int32_t>(number("timeout", 60'000)),
                                    .expected = {}};
        if (has("resumes")) request.expected = identity_of(who);
        world_.transactions().init_producer(
            std::move(request), [this, who](const Result<InitProducerResult>& result) {
                if (!result) return say(who, fmt::format("init {}", result.error().code));
                if (result->error != ErrorCode::none) return say(who, fmt::format("init {}", result->error));
                identities_[who] = result->producer;
                say(who, fmt::format("is producer {} epoch {}", result->producer.id.value(),
                                     result->producer.epoch));
            });
    }

    void add(const std::string& who, const std::string& id) {
        AddPartitionsRequest request{
            .transactional_id = id,
            .producer = identity_of(who),
            .partitions = {},
            .verify_only = has("verify"),
            .version = has("v2") ? TransactionVersion::tv2 : TransactionVersion::tv0};
        for (std::size_t i = 3; i < words_.size(); ++i)
            if (words_[i].contains('-')) request.partitions.push_back(partition_of(words_[i]));
        world_.transactions().add_partitions(
            std::move(request), [this, who](const Result<AddPartitionsResult>& result) {
                if (!result) return say(who, fmt::format("add {}", result.error().code));
                std::string errors;
                for (const auto error : result->errors) errors += fmt::format(" {}", error);
                say(who, "add" + errors);
            });
    }

    void end(const std::string& who, const std::string& id, bool commits) {
        world_.transactions().end_transaction(
            {.transactional_id = id,
             .producer = identity_of(who),
             .commits = commits,
             .version = has("v2") ? TransactionVersion::tv2 : TransactionVersion::tv0},
            [this, who, bumps = has("v2")](const Result<EndTransactionResult>& result) {
                if (!result) return say(who, fmt::format("end {}", result.error().code));
                if (result->error != ErrorCode::none) return say(who, fmt::format("end {}", result->error));
                if (!bumps) return say(who, "end NONE");
                identities_[who] = result->producer;
                say(who, fmt::format("end NONE, is producer {} epoch {}", result->producer.id.value(),
                                     result->producer.epoch));
            });
    }

    void describe(const std::string& id) {
        world_.transactions().describe({id}, [this, id](const Result<DescribedTransaction>& result) {
            if (!result) return say("admin", fmt::format("describe {}", result.error().code));
            if (result->error != ErrorCode::none)
                return say("admin", fmt::format("describe {}", result->error));
            say("admin", fmt::format("{} {} producer={} epoch={} timeout={} [{}]", id, result->state,
                                     result->producer.id.value(), result->producer.epoch, result->timeout_ms,
                                     text_of(result->partitions)));
        });
    }

    void list() {
        world_.transactions().list([this](const Result<std::vector<ListedTransaction>>& result) {
            if (!result) return say("admin", fmt::format("list {}", result.error().code));
            std::string text;
            for (const auto& entry : *result)
                text +=
                    fmt::format(" {}({} {})", entry.transactional_id, entry.producer_id.value(), entry.state);
            say("admin", "transactions" + (text.empty() ? " none" : text));
        });
    }

    void say(const std::string& who, const std::string& what) {
        lines_.push_back(fmt::format("{}ms {} {}", (world_.loop.now() - Instant()).to_millis(), who, what));
    }

    std::vector<std::string> lines_;
    std::vector<std::string> words_;
    TxnTestWorld world_;
    std::map<std::string, ProducerIdentity> identities_;
};

constexpr const char* k_folder = "tests/transcripts/txn";

std::vector<std::string> transcripts() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(k_folder))
        if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

class TxnTranscript : public testing::TestWithParam<std::string> {};

TEST_P(TxnTranscript, PlaysAsWritten) {
    const auto path = fmt::format("{}/{}.txt", k_folder, GetParam());
    std::ifstream file(path);
    ASSERT_TRUE(file.is_open());
    std::string written;
    std::string played;
    TxnStory story;
    for (std::string line; std::getline(file, line);) {
        written += line + "\n";
        if (line.starts_with("    ")) continue;
        played += line + "\n";
        if (line.empty() || line.starts_with("#")) continue;
        for (const auto& happened : story.play(line)) played += "    " + happened + "\n";
    }
    if (std::getenv("UPDATE") != nullptr) {
        std::ofstream(path) << played;
        return;
    }
    EXPECT_EQ(written, played) << "run with UPDATE=1 to rewrite " << path;
}

INSTANTIATE_TEST_SUITE_P(Txn, TxnTranscript, testing::ValuesIn(transcripts()),
                         [](const auto& story) { return story.param; });

}  // namespace
}  // namespace gregor::coordinator
