#include "cli/produce.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/batch_sender.h"
#include "cli/command_table.h"
#include "cli/line_reader.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "records/codec.h"

namespace gregor::cli {
namespace {

// How long a record may wait for others when no more input comes.
constexpr Duration k_linger = Duration::millis(10);
constexpr Duration k_idle_wait = Duration::millis(200);

struct ProduceOptions {
    SessionOptions session;
    std::string topic;
    std::string key_separator;
    std::vector<std::string> headers;
    std::string codec = "none";
    std::string acks = "all";
    std::string null_text;
    std::optional<std::int32_t> partition;
};

Result<SendOptions> send_options(const ProduceOptions& options) {
    SendOptions send{.topic = options.topic, .partition = options.partition};
    const auto codec = records::parse_codec(options.codec);
    if (!codec)
        return fail(ErrorCode::invalid_request,
                    fmt::format("--codec {}: give none, gzip, snappy, lz4 or zstd", options.codec));
    send.compression.codec = *codec;
    if (options.acks == "all" || options.acks == "-1") {
        send.acks = -1;
    } else if (options.acks == "0" || options.acks == "1") {
        send.acks = options.acks == "0" ? 0 : 1;
    } else {
        return fail(ErrorCode::invalid_request, fmt::format("--acks {}: give all, 1 or 0", options.acks));
    }
    return send;
}

// Views into the options.
Result<std::vector<records::NewHeader>> parse_headers(const std::vector<std::string>& arguments) {
    std::vector<records::NewHeader> headers;
    for (const std::string_view argument : arguments) {
        const auto equals = argument.find('=');
        if (equals == std::string_view::npos)
            return fail(ErrorCode::invalid_request, fmt::format("--header {}: give key=value", argument));
        headers.push_back(
            {.key = argument.substr(0, equals), .value = as_bytes(argument.substr(equals + 1))});
    }
    return headers;
}

class LineProducer {
public:
    LineProducer(Session& session, const ProduceOptions& options, BatchSender& sender,
                 std::span<const records::NewHeader> headers)
        : session_(session),
          options_(options),
          sender_(sender),
          headers_(headers),
          progress_(!options.session.json) {}

    Status run() {
        LineReader lines(STDIN_FILENO);
        while (!session_.is_interrupted()) {
            std::string_view line;
            const auto state = TRY(lines.next(line, sender_.has_pending() ? k_linger : k_idle_wait));
            if (state == LineReader::State::end) break;
            if (state == LineReader::State::line) {
                TRY_STATUS(add(line, lines.line_number()));
            } else {
                TRY_STATUS(sender_.flush());
                session_.pump().pause(Duration::millis(1));  // Ctrl-C, a broker that went away
            }
            progress_.update(session_.now(), sender_.sent_records(), sender_.sent_bytes());
        }
        return {};
    }
    void clear_progress() { progress_.clear(); }

private:
    Status add(std::string_view line, std::uint64_t line_number) {
        OutgoingRecord record{.key = std::nullopt, .value = std::nullopt, .headers = headers_};
        if (!options_.key_separator.empty()) {
            const auto at = line.find(options_.key_separator);
            if (at == std::string_view::npos)
                return fail(ErrorCode::invalid_record,
                            fmt::format("line {} has no key: \"{}\" (--key-separator) is not in it",
                                        line_number, options_.key_separator));
            record.key = as_bytes(line.substr(0, at));
            line.remove_prefix(at + options_.key_separator.size());
        }
        const bool is_null = !options_.null_text.empty() && line == options_.null_text;
        if (!is_null) record.value = as_bytes(line);
        return sender_.add(record);
    }

    Session& session_;
    const ProduceOptions& options_;
    BatchSender& sender_;
    const std::span<const records::NewHeader> headers_;
    Progress progress_;
};

void print_summary(const Session& session, const ProduceOptions& options, const BatchSender& sender) {
    if (session.is_json()) {
        Table table({"topic", "records", "bytes"});
        table.add({options.topic, static_cast<std::int64_t>(sender.sent_records()),
                   static_cast<std::int64_t>(sender.sent_bytes())});
        fmt::print("{}\n", table.json());
    } else {
        fmt::print(stderr, "{} records written to {} ({})\n", sender.sent_records(), options.topic,
                   size_text(sender.sent_bytes()));
    }
}

Result<int> produce(Session& session, const ProduceOptions& options) {
    const auto send = send_options(options);
    if (!send) return complain(send.error(), k_exit_usage);
    const auto headers = parse_headers(options.headers);
    if (!headers) return complain(headers.error(), k_exit_usage);
    BatchSender sender(session, *send);
    TRY_STATUS(sender.open());
    LineProducer producer(session, options, sender, *headers);
    auto status = producer.run();
    // What was read before the end, or before a bad line, is still sent.
    const bool is_lost = !status && status.error().code != ErrorCode::invalid_record;
    if (!is_lost && !session.is_interrupted()) {
        auto finished = sender.finish();
        if (status) status = std::move(finished);
    }
    producer.clear_progress();
    if (!status) {
        auto error = std::move(status).error();
        error.detail += fmt::format("; {} records were written before", sender.sent_records());
        return std::unexpected(std::move(error));
    }
    print_summary(session, options, sender);
    return session.is_interrupted() ? k_exit_interrupted : 0;
}

}  // namespace

void add_produce(CommandTable& table) {
    auto [app, options] = table.add<ProduceOptions>(table.root(), "produce",
                                                    "write a record for every line of the standard input",
                                                    in_session<ProduceOptions, produce>);
    add_session_options(app, options.session);
    app.add_option("topic", options.topic, "where to")->required();
    app.add_option("--key-separator,-k", options.key_separator,
                   "what stands between key and value in a line; default: lines have no key");
    add_list(app, "--header", options.headers, "key=value for every record; may be repeated");
    app.add_option("--codec,-z", options.codec, "none, gzip, snappy, lz4 or zstd; default none");
    app.add_option("--acks", options.acks, "all, 1 or 0; default all");
    app.add_option("--null", options.null_text, "a value of this text is a null: a tombstone");
    add_optional(app, "--partition,-p", options.partition, "the one to write to; default by key, or in turn");
}

}  // namespace gregor::cli
