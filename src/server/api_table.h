// The APIs this broker serves: one row each. What is not here is not advertised, and asking for it closes the
// connection.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "protocol/api_registry.h"

namespace gregor::server {

class Call;

// Whether a request may start while earlier ones of its connection wait for their answers. Kafka handles one
// at a time; only what is safe and worth it overlaps. Answers leave in order in any case.
enum class Overlap : std::uint8_t {
    none,           // starts when everything before it has been answered, and nothing starts beside it
    with_own_kind,  // may run beside requests of the same API: the shards keep their order
};

// One served API. Its versions are those of the peer, by protocol/api_registry.h.
struct ServedApi {
    ApiKey key;
    // Decodes, calls the handler, encodes. nullptr: the body goes to the controller unread, and its answer
    // comes back so.
    void (*run)(std::unique_ptr<Call> call) = nullptr;
    Overlap overlap = Overlap::none;
    // Who may ask: resource type and operation, which the handler (or the controller) checks.
    std::string_view authorisation;
    // What is advertised where that is not what is served.
    std::int16_t advertised_min = -1;

    bool is_forwarded() const { return run == nullptr; }
};

struct VersionRange {
    std::int16_t min = 0;
    std::int16_t max = -1;
    bool has(std::int16_t version) const { return version >= min && version <= max; }
};

// A view of rows, sorted by key; the rows live for ever.
class ApiTable {
public:
    constexpr explicit ApiTable(std::span<const ServedApi> rows) : rows_(rows) {}
    static const ApiTable& standard();

    std::span<const ServedApi> rows() const { return rows_; }
    // The row of `key` if it is served on that kind of listener.
    const ServedApi* find(std::int16_t key, bool on_controller) const;

    static VersionRange served_versions(const ServedApi& row);  // stable ones only
    static VersionRange advertised_versions(const ServedApi& row);
    static bool is_on(const ServedApi& row, bool on_controller);

private:
    std::span<const ServedApi> rows_;
};

}  // namespace gregor::server
