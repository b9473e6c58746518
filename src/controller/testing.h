// A controller over a log in memory, as its tests use it: records print as the peer's dump-log prints them.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controller/controller.h"
#include "metadata/record_codec.h"
#include "protocol/catalogue.h"

namespace gregor::controller::testing {

inline std::string describe_record(Bytes bytes) {
    auto frame = metadata::open_record(bytes);
    for (const auto& row : protocol::catalogue()) {
        const bool of_metadata = row.kind == protocol::MessageKind::record && row.name.ends_with("Record");
        if (!frame || !of_metadata || row.key != frame->key) continue;
        const auto message = row.make();
        message->decode(frame->body, frame->version);
        const auto name = row.name.substr(0, row.name.size() - std::string_view("Record").size());
        return fmt::format("{} v{} {}", name, frame->version,
                           message->describe(frame->version, {.exact = true}));
    }
    return "unknown record";
}

class MemoryLog final : public RecordLog {
public:
    Offset end_offset() const override { return end_; }
    metadata::Provenance append(std::span<const Slice> records) override {
        batches.emplace_back(records.begin(), records.end());
        end_ = end_ + static_cast<std::int64_t>(records.size());
        return {.last_contained_offset = end_ - 1,
                .last_contained_epoch = LeaderEpoch{1},
                .last_contained_timestamp = 1'000};
    }
    QuorumFacts quorum() const override {
        return {.leader_epoch = LeaderEpoch{1},
                .high_watermark = end_,
                .log_end_offset = end_,
                .now_ms = now_ms,
                .kraft_version = 1,
                .voters = {{BrokerId{1}, Uuid{1, 10}, {{"CONTROLLER", "localhost", 22001, 0}}}}};
    }
    std::vector<std::vector<Slice>> batches;
    std::int64_t now_ms = 5'000;

private:
    Offset end_{3};  // behind the batch that opened the epoch
};

struct CountingIds final : IdSource {
    Uuid next() override { return given.empty() ? Uuid{7, ++count} : take(); }
    Uuid take() {
        const auto id = given.front();
        given.erase(given.begin());
        return id;
    }
    std::uint64_t count = 0;
    std::vector<Uuid> given;
};

// No keys: they say what they were made of.
struct PlainKeys final : PasswordKeys {
    ScramServerKeys derive(ScramMechanism mechanism, Bytes salted_password) const override {
        std::vector<std::byte> key(salted_password.begin(), salted_password.end());
        key.push_back(static_cast<std::byte>(mechanism));
        return {key, key};
    }
};

struct Properties final : metadata::ConfigSource {
    const std::string* static_value(std::string_view key) const override {
        const auto at = values.find(key);
        return at == values.end() ? nullptr : &at->second;
    }
    std::map<std::string, std::string, std::less<>> values;
};

struct LastImage final : metadata::ImagePublisher {
    void publish(Ref<const metadata::Image> next, const metadata::Changes& changed) override {
        image = std::move(next);
        changes.merge(changed);
        ++publications;
    }
    Ref<const metadata::Image> image;
    metadata::Changes changes;
    int publications = 0;
};

// One life of a controller. Requests are answered when commit() is called.
class World {
public:
    explicit World(ControllerSettings settings = default_settings())
        : controller({.settings = std::move(settings),
                      .identity = {BrokerId{1}, Uuid{1, 10}, {{"CONTROLLER", "localhost", 22001, 0}}},
                      .properties = properties,
                      .ids = ids,
                      .log = log,
                      .passwords = passwords,
                      .publisher = published}) {}

    static ControllerSettings default_settings() {
        return {.node_id = BrokerId{1}, .cluster_id = "AAAAAAAAQACAAAAAAAAAAQ"};
    }

    void commit() { controller.on_committed(log.end_offset()); }

    template <class Request>
    void send(const Request& request, std::int16_t version, Completion<Result<BufferChain>> done) {
        protocol::Writer writer;
        request.encode(writer, version);
        controller.request({.api_key = Request::k_api_key,
                            .version = version,
                            .body = metadata::to_slice(writer.take()),
                            .principal = {},
                            .client_id = {},
                            .host = {}},
                           std::move(done));
    }

    // Sends, commits, and decodes the answer, whose texts live as long as this world.
    template <class Response, class Request>
    Response call(const Request& request, std::int16_t version = Request::k_max_version) {
        std::optional<Result<BufferChain>> body;
        send(request, version, [&body](Result<BufferChain> answer) { body = std::move(answer); });
        commit();
        ASSERT(body && *body);
        answers_.push_back(metadata::to_slice(**body));
        protocol::Reader reader(answers_.back());
        Response response;
        response.decode(reader, version);
        ASSERT_MSG(reader.finished(), reader.why());
        return response;
    }

    // The records appended since the last call, one a line.
    std::vector<std::string> new_records() {
        std::vector<std::string> lines;
        for (; seen_ < log.batches.size(); ++seen_) {
            for (const auto& record : log.batches[seen_]) lines.push_back(describe_record(record.bytes()));
        }
        return lines;
    }

    Properties properties;
    CountingIds ids;
    PlainKeys passwords;
    MemoryLog log;
    LastImage published;
    Controller controller;

private:
    std::size_t seen_ = 0;
    std::deque<Slice> answers_;
};

}  // namespace gregor::controller::testing
