#include "node/scram_argument.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gen/meta/user_scram_credential.h"
#include "metadata/record_codec.h"
#include "node/text.h"
#include "security/scram_keys.h"

namespace gregor::node {
namespace {

using security::ScramHash;

constexpr std::int32_t k_iterations_min = 4'096;
constexpr std::int32_t k_iterations_max = 16'384;
constexpr std::size_t k_salt_bytes = 32;

struct Mechanism {
    std::string_view name;
    std::string_view constant;  // as the peer spells it in sentences
    ScramHash hash;
    std::int8_t number;
};
constexpr Mechanism k_mechanisms[] = {
    {"SCRAM-SHA-256", "SCRAM_SHA_256", ScramHash::sha_256, 1},
    {"SCRAM-SHA-512", "SCRAM_SHA_512", ScramHash::sha_512, 2},
};

std::unexpected<Error> refuse(std::string sentence) {
    return fail(ErrorCode::invalid_request, std::move(sentence));
}

// RFC 4648 with padding, which may be left out whole.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
    constexpr std::string_view k_alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto end = text.find('=');
    const auto padding = end == std::string_view::npos ? 0 : text.size() - end;
    if (padding > 0 && text.size() % 4 != 0) return std::nullopt;
    if (padding > 2 || text.substr(text.size() - padding).find_first_not_of('=') != std::string_view::npos)
        return std::nullopt;
    text.remove_suffix(padding);
    if (text.size() % 4 == 1) return std::nullopt;
    std::vector<std::byte> bytes;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto value = k_alphabet.find(text[i]);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        const auto held = (i + 1) * 6 % 8;  // bits that do not make a byte yet
        if (held < 6) bytes.push_back(static_cast<std::byte>(bits >> held & 0xffU));
    }
    return bytes;
}

class ScramArgument {
public:
    explicit ScramArgument(const Mechanism& mechanism) : mechanism_(mechanism) {}

    // Splits as Java does: what is empty at the end does not count, unless there is nothing else.
    Status read(std::string_view text) {
        for (bool is_first = true; is_first || !text.empty(); is_first = false) {
            const auto comma = std::min(text.find(','), text.size());
            TRY_STATUS(read_component(text.substr(0, comma)));
            text.remove_prefix(std::min(comma + 1, text.size()));
            if (text.find_first_not_of(',') == std::string_view::npos) break;
        }
        return read_keys();
    }

    Slice to_record(io::Random& random) const {
        const auto salt = salt_ ? *salt_ : draw_salt(random);
        const auto salted =
            salted_password_
                ? *salted_password_
                : security::salted_password(
                      *password_, {.hash = mechanism_.hash, .salt = salt, .iterations = iterations_});
        const auto keys = security::scram_keys(mechanism_.hash, salted);
        msg::UserScramCredentialRecord record;
        record.name = name_;
        record.mechanism = mechanism_.number;
        record.salt = salt;
        record.stored_key = keys.stored_key;
        record.server_key = keys.server_key;
        record.iterations = iterations_;
        return metadata::encode_record(record, 0);
    }

private:
    static std::vector<std::byte> draw_salt(io::Random& random) {
        std::vector<std::byte> salt(k_salt_bytes);
        for (std::size_t at = 0; at < salt.size(); at += sizeof(std::uint64_t)) {
            const auto drawn = random.next();
            std::memcpy(salt.data() + at, &drawn, sizeof drawn);
        }
        return salt;
    }

    Status read_component(std::string_view component) {
        const auto equals = component.find('=');
        if (equals == std::string_view::npos)
            return refuse(fmt::format("No equals sign found in SCRAM component: {}", component));
        auto value = component.substr(equals + 1);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        components_[std::string(component.substr(0, equals))] = value;
        return {};
    }

    std::optional<std::string> take(const char* key) {
        auto node = components_.extract(key);
        return node ? std::optional(std::move(node.mapped())) : std::nullopt;
    }

    Status read_keys() {
        const auto name = take("name");
        if (!name) return refuse("You must supply 'name' to add-scram");
        name_ = *name;
        if (const auto salt = take("salt")) {
            salt_ = decode_base64(*salt);
            if (!salt_) return refuse(fmt::format("Failed to decode given salt: {}", *salt));
        }
        TRY_STATUS(read_iterations());
        TRY_STATUS(read_password());
        if (!components_.empty()) {
            std::string names;
            for (const auto& [key, value] : components_) names += (names.empty() ? "" : ", ") + key;
            return refuse("Unknown SCRAM configurations: " + names);
        }
        return check_iterations();
    }

    Status read_iterations() {
        const auto text = take("iterations");
        if (!text) return {};
        const auto number = parse_int(*text);
        if (!number || *number != static_cast<std::int32_t>(*number))
            return refuse(fmt::format("Failed to parse iterations count: {}", *text));
        iterations_ = static_cast<std::int32_t>(*number);
        return {};
    }

    Status read_password() {
        password_ = take("password");
        const auto salted = take("saltedpassword");
        if (password_ && password_->empty()) return refuse("The password given to add-scram is empty");
        if (password_) return {};
        if (!salted) return refuse("You must supply one of 'password' or 'saltedpassword' to add-scram");
        if (!salt_) return refuse("You must supply 'salt' with 'saltedpassword' to add-scram");
        salted_password_ = decode_base64(*salted);
        if (salted_password_ && !salted_password_->empty()) return {};
        return refuse(fmt::format("Failed to decode given saltedPassword: {}", *salted));
    }

    Status check_iterations() const {
        if (iterations_ < k_iterations_min)
            return refuse(fmt::format("The 'iterations' value must be >= {} for add-scram using {}",
                                      k_iterations_min, mechanism_.constant));
        if (iterations_ > k_iterations_max)
            return refuse(fmt::format("The 'iterations' value must be <= {} for add-scram using {}",
                                      k_iterations_max, mechanism_.constant));
        return {};
    }

    const Mechanism& mechanism_;
    std::map<std::string, std::string, std::less<>> components_;
    std::string name_;
    std::optional<std::vector<std::byte>> salt_;
    std::int32_t iterations_ = k_iterations_min;
    std::optional<std::string> password_;
    std::optional<std::vector<std::byte>> salted_password_;
};

}  // namespace

Result<Slice> parse_scram_argument(std::string_view argument, io::Random& random) {
    argument = trim(argument);
    const auto equals = argument.find('=');
    if (equals == std::string_view::npos)
        return refuse(fmt::format("Failed to find equals sign in SCRAM argument '{}'", argument));
    const auto name = argument.substr(0, equals);
    auto config = argument.substr(equals + 1);
    for (const auto& mechanism : k_mechanisms) {
        if (mechanism.name != name) continue;
        if (!config.starts_with('[')) return refuse("Expected configuration string to start with [");
        if (!config.ends_with(']')) return refuse("Expected configuration string to end with ]");
        ScramArgument credential(mechanism);
        TRY_STATUS(credential.read(config.substr(1, config.size() - 2)));
        return credential.to_record(random);
    }
    return refuse(fmt::format("The add-scram mechanism {} is not supported.", name));
}

}  // namespace gregor::node
