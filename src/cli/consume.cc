#include "cli/consume.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "cli/command_table.h"
#include "cli/group_state.h"
#include "cli/progress.h"
#include "cli/record_format.h"
#include "cli/time_text.h"
#include "cli/topic_reader.h"

namespace gregor::cli {
namespace {

constexpr Duration k_commit_interval = Duration::seconds(5);
constexpr std::size_t k_output_bytes = std::size_t{64} << 10U;

struct ConsumeOptions {
    SessionOptions session;
    std::string topic;
    std::vector<std::int32_t> partitions;
    std::string from = "beginning";
    std::string group;
    std::string format = "%v%n";
    std::optional<std::uint64_t> count;
    bool follow = false;
    bool committed = false;
};

// "beginning", "end", an offset, "-10" for the last ten, or a time.
Result<Offsets> start_offsets(Session& session, const std::vector<TopicInfo>& topics,
                              const std::string& from) {
    auto& cluster = session.cluster();
    if (from == "beginning") return list_offsets(cluster, topics, k_earliest);
    if (from == "end") return list_offsets(cluster, topics, k_latest);
    std::int64_t offset = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), offset);
    if (error != std::errc{} || end != from.data() + from.size()) {
        const auto time_ms = parse_time_ms(from);
        if (!time_ms)
            return fail(
                ErrorCode::invalid_request,
                fmt::format("--from {}: give beginning, end, an offset, -N for the last N records of each "
                            "partition, or a time such as 2026-11-23T10:00:00Z",
                            from));
        return list_offsets(cluster, topics, *time_ms);
    }
    auto offsets = TRY(list_offsets(cluster, topics, offset < 0 ? k_latest : k_earliest));
    if (offset >= 0) {
        for (auto& [key, at] : offsets) at = offset;
        return offsets;
    }
    const auto starts = TRY(list_offsets(cluster, topics, k_earliest));
    for (auto& [key, at] : offsets) at = std::max(at + offset, starts.at(key));
    return offsets;
}

Result<TopicInfo> chosen_topic(Session& session, const ConsumeOptions& options) {
    auto topics = TRY(describe_topics(session.cluster(), {options.topic}));
    auto topic = std::move(topics.front());
    if (options.partitions.empty()) return topic;
    std::map<std::int32_t, PartitionInfo> chosen;
    for (const auto number : options.partitions) {
        const auto found = topic.partitions.find(number);
        if (found == topic.partitions.end())
            return fail(ErrorCode::unknown_topic_or_partition,
                        fmt::format("topic {} has no partition {}, only 0 to {}", options.topic, number,
                                    topic.partitions.size() - 1));
        chosen.insert(*found);
    }
    topic.partitions = std::move(chosen);
    return topic;
}

// One run: prints what the reader hands out, and commits where it is for a group.
class Printing {
public:
    Printing(Session& session, const ConsumeOptions& options, RecordFormat format, TopicReader& reader)
        : session_(session),
          options_(options),
          format_(std::move(format)),
          reader_(reader),
          progress_(!options.session.json) {}

    Result<int> run() {
        while (!reader_.is_done() && !reader_.was_ended() && !session_.is_interrupted()) {
            auto status = reader_.read([this](const ReadRecord& record) { return take(record); });
            if (session_.is_interrupted()) break;
            TRY_STATUS(std::move(status));
            if (!put_out()) return 0;  // whoever read us has gone
            TRY_STATUS(commit(false));
            progress_.update(session_.now(), records_, bytes_);
        }
        progress_.clear();
        if (!put_out()) return 0;
        const bool is_cut_off = session_.is_interrupted() && !options_.follow;
        session_.forget_interrupt();
        TRY_STATUS(commit(true));
        return is_cut_off ? k_exit_interrupted : 0;
    }

private:
    bool take(const ReadRecord& record) {
        if (options_.count && records_ >= *options_.count) return false;
        const auto before = out_.size();
        const PrintedRecord printed{.topic = options_.topic,
                                    .partition = record.partition,
                                    .offset = record.offset.value(),
                                    .timestamp = record.timestamp,
                                    .record = record.record};
        if (session_.is_json())
            print_json(printed, out_);
        else
            format_.print(printed, out_);
        ++records_;
        bytes_ += out_.size() - before;
        if (out_.size() > k_output_bytes && !put_out()) return false;
        return !options_.count || records_ < *options_.count;
    }

    bool put_out() {
        const auto written = std::fwrite(out_.data(), 1, out_.size(), stdout);
        const bool is_fine = written == out_.size() && std::fflush(stdout) == 0;
        out_.clear();
        return is_fine;
    }

    Status commit(bool is_last) {
        if (options_.group.empty() || (!is_last && session_.now() < next_commit_)) return {};
        next_commit_ = session_.now() + k_commit_interval;
        return commit_offsets(session_.cluster(), options_.group, reader_.positions());
    }

    Session& session_;
    const ConsumeOptions& options_;
    const RecordFormat format_;
    TopicReader& reader_;
    Progress progress_;
    std::string out_;
    Instant next_commit_;
    std::uint64_t records_ = 0;
    std::uint64_t bytes_ = 0;
};

Result<int> consume(Session& session, const ConsumeOptions& options) {
    auto format = RecordFormat::parse(options.format);
    if (!format) return complain(format.error(), k_exit_usage);
    auto topic = TRY(chosen_topic(session, options));
    auto from = TRY(start_offsets(session, {topic}, options.from));
    auto until = options.follow ? Offsets{} : TRY(list_offsets(session.cluster(), {topic}, k_latest));
    if (!options.group.empty()) {
        for (const auto& [key, offset] : TRY(committed_offsets(session.cluster(), options.group)))
            if (const auto found = from.find(key); found != from.end()) found->second = offset;
    }
    TopicReader reader(session, std::move(topic),
                       {.is_committed = options.committed, .is_following = options.follow});
    reader.start(std::move(from), std::move(until));
    return Printing(session, options, *std::move(format), reader).run();
}

}  // namespace

void add_consume(CommandTable& table) {
    auto [app, options] = table.add<ConsumeOptions>(
        table.root(), "consume", "print the records of a topic, as far as there are any now",
        in_session<ConsumeOptions, consume>);
    add_session_options(app, options.session);
    app.add_option("topic", options.topic, "which")->required();
    app.add_option("--partition,-p", options.partitions, "only this one; may be repeated")
        ->allow_extra_args(false);
    app.add_option(
        "--from", options.from,
        "beginning, end, an offset, -N for the last N of each partition, or a time; default beginning");
    app.add_flag("--follow,-f", options.follow, "wait for more until Ctrl-C");
    add_optional(app, "--count,-n", options.count, "at most so many records")->check(CLI::PositiveNumber);
    app.add_option("--group,-g", options.group,
                   "go on where this group is, and commit; it has no members at the moment");
    app.add_flag("--committed", options.committed, "only what transactions have committed");
    app.add_option(
        "--format", options.format,
        "default %v%n; %t topic %p partition %o offset %T time %m milliseconds %k key %v value %h headers "
        "%n new line");
}

}  // namespace gregor::cli
