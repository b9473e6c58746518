// What a message costs between bytes and struct: a large Metadata response and a Produce request.
#include <benchmark/benchmark.h>

#include <string>

#include "base/bytes.h"
#include "gen/api/metadata.h"
#include "gen/api/produce.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {
namespace {

constexpr std::int16_t k_metadata_version = msg::MetadataResponse::k_max_version;
constexpr std::int16_t k_produce_version = msg::ProduceRequest::k_max_version;

template <class Message>
Slice encoded(const Message& message, std::int16_t version) {
    Writer writer;
    message.encode(writer, version);
    return Slice::copy_of(writer.take().flatten());
}

template <class Message>
void measure_encode(benchmark::State& state, const Message& message, std::int16_t version) {
    for (auto _ : state) {
        Writer writer;
        message.encode(writer, version);
        benchmark::DoNotOptimize(writer.take());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(encoded(message, version).size()));
}

template <class Message>
void measure_decode(benchmark::State& state, const Slice& frame, std::int16_t version) {
    for (auto _ : state) {
        Message message;
        Reader reader(frame);
        message.decode(reader, version);
        benchmark::DoNotOptimize(reader.finished());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(frame.size()));
}

msg::MetadataResponse metadata(std::int64_t topics) {
    msg::MetadataResponse response;
    response.brokers.push_back({.node_id = 1, .host = "broker-1.example.org", .port = 9092});
    for (std::int64_t i = 0; i < topics; ++i) {
        auto& topic = response.topics.emplace_back();
        topic.name = "a-topic-of-ordinary-length";
        for (std::int32_t index = 0; index < 3; ++index) {
            auto& partition = topic.partitions.emplace_back();
            partition.partition_index = index;
            partition.leader_id = 1;
            partition.replica_nodes = {1};
            partition.isr_nodes = {1};
        }
    }
    return response;
}

void metadata_encode(benchmark::State& state) {
    measure_encode(state, metadata(state.range(0)), k_metadata_version);
}
BENCHMARK(metadata_encode)->Arg(1)->Arg(400);

void metadata_decode(benchmark::State& state) {
    measure_decode<msg::MetadataResponse>(state, encoded(metadata(state.range(0)), k_metadata_version),
                                          k_metadata_version);
}
BENCHMARK(metadata_decode)->Arg(1)->Arg(400);

void produce_decode(benchmark::State& state) {
    msg::ProduceRequest request;
    const auto records = Slice::copy_of(as_bytes(std::string(16 << 10, 'r')));
    auto& topic = request.topic_data.emplace_back();
    for (std::int32_t index = 0; index < state.range(0); ++index) {
        auto& partition = topic.partition_data.emplace_back();
        partition.index = index;
        partition.records.emplace(records);
    }
    measure_decode<msg::ProduceRequest>(state, encoded(request, k_produce_version), k_produce_version);
}
BENCHMARK(produce_decode)->Arg(1)->Arg(6);

}  // namespace
}  // namespace gregor::protocol
