// Any bytes as any message in any version: decoding fails or gives a message that encodes, and what was
// encoded decodes to the same; and it never takes more memory than Reader promises.
//
// Input: uint16 which message (so key and direction), uint8 which of its versions, then the body.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "protocol/catalogue.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace {

std::size_t g_allocated = 0;  // one thread

}  // namespace

void* operator new(std::size_t size) {
    g_allocated += size;
    if (void* block = std::malloc(size)) return block;
    std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return ::operator new(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace gregor::protocol {
namespace {

Slice encoded(const AnyMessage& message, std::int16_t version) {
    Writer writer;
    message.encode(writer, version);
    ASSERT_MSG(!writer.failed(), writer.why());  // whatever was decoded, its version can carry
    return Slice::copy_of(writer.take().flatten());
}

void check(const CatalogueRow& row, std::int16_t version, Bytes body) {
    const auto frame = Slice::copy_of(body);
    const auto message = row.make();
    Reader reader(frame);
    const auto before = g_allocated;
    message->decode(reader, version);
    ASSERT(g_allocated - before <= 2 * (body.size() * Reader::k_memory_per_byte + Reader::k_memory_base));
    if (reader.failed()) return;
    ASSERT(message->describe(version, {}).size() >= 2);

    const auto first = encoded(*message, version);
    const auto again = row.make();
    Reader second(first);
    again->decode(second, version);
    ASSERT_MSG(second.finished(), second.why());
    ASSERT(equal(encoded(*again, version).bytes(), first.bytes()));
}

}  // namespace
}  // namespace gregor::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gregor::protocol::Reader input(gregor::Bytes(reinterpret_cast<const std::byte*>(data), size));
    const auto rows = gregor::protocol::catalogue();
    const auto& row = rows[input.u16() % rows.size()];
    const auto versions = row.max_version - row.min_version + 1;
    const auto version = static_cast<std::int16_t>(row.min_version + input.u8() % versions);
    if (!input.failed()) gregor::protocol::check(row, version, input.raw(input.remaining()));
    return 0;
}
