// Which quota of one kind a client has: the first that exists of Kafka's eight levels, from "this user with
// this client id" down to "any client id". The level also says who shares it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "metadata/image.h"

namespace gregor::metadata {

// Who asks: the name of the principal, without its type, and the client id of the request.
struct QuotaClient {
    std::string_view user;
    std::string_view client_id;
};

// Whose requests are measured together: "" stands for all.
struct QuotaSharers {
    std::string_view user;
    std::string_view client_id;
    friend auto operator<=>(const QuotaSharers&, const QuotaSharers&) = default;
};

struct ClientQuota {
    double bound = 0;
    QuotaSharers sharers;  // views into the question
};

// The quotas of one key, such as producer_byte_rate; copied out of an image, so that asking is cheap.
class QuotaTable {
public:
    QuotaTable() = default;
    QuotaTable(const ClusterState& state, std::string_view key);

    bool empty() const { return bounds_.empty(); }
    std::optional<ClientQuota> find(const QuotaClient& client) const;

private:
    enum class Part : std::uint8_t { absent, any, named };
    template <class Text>
    struct Level {
        Part user_part = Part::absent;
        Part client_part = Part::absent;
        Text user;
        Text client_id;
    };
    struct Less {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const Level<A>& a, const Level<B>& b) const {
            const auto key = [](const auto& level) {
                return std::tuple(level.user_part, level.client_part, std::string_view(level.user),
                                  std::string_view(level.client_id));
            };
            return key(a) < key(b);
        }
    };
    const double* bound_of(const Level<std::string_view>& level) const;

    std::map<Level<std::string>, double, Less> bounds_;
};

// The quotas of addresses: connection_creation_rate.
struct AddressQuotas {
    std::map<std::string, double, std::less<>> named;
    std::optional<double> any;

    static AddressQuotas of(const ClusterState& state);
    std::optional<double> find(std::string_view address) const;
    bool empty() const { return named.empty() && !any; }
    friend bool operator==(const AddressQuotas&, const AddressQuotas&) = default;
};

}  // namespace gregor::metadata
