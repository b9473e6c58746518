// What a produced batch costs before it is stored: its checksum, its validation, a walk over its records.
#include <benchmark/benchmark.h>

#include <string>

#include "records/builder.h"
#include "records/crc32c.h"
#include "records/opened_batch.h"
#include "records/validate.h"

namespace gregor::records {
namespace {

constexpr std::int64_t k_now_ms = 1'700'000'000'000;

// `records` records with values of `value_bytes` of text that compresses about as JSON does.
Slice make_batch(std::int64_t records, std::int64_t value_bytes, Codec codec) {
    BatchBuilder builder({.compression = {.codec = codec}});
    for (std::int64_t i = 0; i < records; ++i) {
        std::string value;
        while (value.size() < static_cast<std::size_t>(value_bytes))
            value += "{\"user\":" + std::to_string(i * 7919 % 100'000) + ",\"state\":\"active\"}";
        value.resize(static_cast<std::size_t>(value_bytes));
        builder.append(
            {.timestamp = k_now_ms + i, .key = as_bytes(std::to_string(i)), .value = as_bytes(value)});
    }
    return builder.build();
}

void report(benchmark::State& state, const Slice& batch) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
    state.SetItemsProcessed(state.iterations() * BatchView(batch.bytes()).records_count());
}

void BM_Crc32c(benchmark::State& state) {
    const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
    for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Crc32c)->Arg(100)->Arg(16 << 10)->Arg(1 << 20);

void BM_Validate(benchmark::State& state) {
    const auto batch = make_batch(state.range(0), state.range(1), static_cast<Codec>(state.range(2)));
    const ValidationRules rules{.now_ms = k_now_ms};
    Decompressor decompressor;
    for (auto _ : state) {
        const BatchView view(batch.bytes());
        benchmark::DoNotOptimize(check_appendable(view, AppendOrigin::client, 1U << 20U));
        benchmark::DoNotOptimize(validate_batch(view, rules, decompressor));
    }
    report(state, batch);
}
BENCHMARK(BM_Validate)
    ->ArgNames({"records", "value_bytes", "codec"})
    ->Args({1, 100, 0})
    ->Args({150, 100, 0})
    ->Args({16, 1000, 0})
    ->Args({900, 1000, 0})
    ->Args({150, 100, 1})
    ->Args({150, 100, 2})
    ->Args({150, 100, 3})
    ->Args({150, 100, 4});

void BM_Iterate(benchmark::State& state) {
    const auto batch = make_batch(state.range(0), 100, static_cast<Codec>(state.range(1)));
    Decompressor decompressor;
    for (auto _ : state) {
        auto opened = open_batch(BatchView(batch.bytes()), decompressor);
        RecordView record;
        while (opened->cursor.next(record)) benchmark::DoNotOptimize(record.value);
    }
    report(state, batch);
}
BENCHMARK(BM_Iterate)->ArgNames({"records", "codec"})->Args({150, 0})->Args({150, 3})->Args({150, 4});

void BM_Build(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(make_batch(150, 100, static_cast<Codec>(state.range(0))));
}
BENCHMARK(BM_Build)->ArgName("codec")->DenseRange(0, 4);

}  // namespace
}  // namespace gregor::records
