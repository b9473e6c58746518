// What a produced batch costs before it reaches a file: checksum, validation, stamping; and building one.
#include <benchmark/benchmark.h>

#include <string>

#include "base/bytes.h"
#include "records/batch.h"
#include "records/builder.h"
#include "records/crc32c.h"
#include "records/validate.h"

namespace gregor::records {
namespace {

constexpr std::int64_t k_now_ms = 1'700'000'000'000;

Slice batch_of(std::int64_t records, std::int64_t value_bytes, Codec codec) {
    const std::string value(static_cast<std::size_t>(value_bytes), 'v');
    BatchBuilder builder({.compression = {.codec = codec}});
    for (std::int64_t i = 0; i < records; ++i) {
        builder.append({.timestamp = k_now_ms, .value = as_bytes(value)});
    }
    return builder.build();
}

void crc32c_of(benchmark::State& state) {
    const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
    for (auto _ : state) benchmark::DoNotOptimize(crc32c(as_bytes(bytes)));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32c_of)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);

void validate(benchmark::State& state, Codec codec) {
    const auto batch = batch_of(state.range(0), state.range(1), codec);
    const ValidationRules rules{.now_ms = k_now_ms};
    Decompressor decompressor;
    for (auto _ : state) {
        const auto view = only_batch(batch.bytes());
        benchmark::DoNotOptimize(check_appendable(*view, AppendOrigin::client, 1 << 24));
        benchmark::DoNotOptimize(validate_batch(*view, rules, decompressor));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(validate, plain, Codec::none)->Args({1, 100})->Args({16, 1024})->Args({1000, 100});
BENCHMARK_CAPTURE(validate, lz4, Codec::lz4)->Args({16, 1024})->Args({1000, 100});
BENCHMARK_CAPTURE(validate, zstd, Codec::zstd)->Args({16, 1024});

void build(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(batch_of(state.range(0), state.range(1), Codec::none));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(build)->Args({1, 100})->Args({1000, 100});

}  // namespace
}  // namespace gregor::records
