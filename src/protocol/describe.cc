#include "protocol/describe.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace gregor::protocol {
namespace {

constexpr std::string_view k_base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_base64(std::string& out, Bytes bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8U | (i + j < bytes.size() ? static_cast<std::uint32_t>(bytes[i + j]) : 0U);
        const auto present = std::min<std::size_t>(3, bytes.size() - i);
        for (std::size_t j = 0; j < 4; ++j)
            out += j <= present ? k_base64[group >> (18U - 6U * j) & 63U] : '=';
    }
}

}  // namespace

void Describer::open(char bracket) {
    text_ += bracket;
    first_ = true;
}

void Describer::close(char bracket) {
    text_ += bracket;
    first_ = false;
}

void Describer::next() {
    if (!first_) text_ += ',';
    first_ = false;
}

void Describer::name(std::string_view json_name) {
    next();
    text_ += '"';
    text_ += json_name;
    text_ += "\":";
}

void Describer::signed_number(std::int64_t number) {
    fmt::format_to(std::back_inserter(text_), "{}", number);
}
void Describer::unsigned_number(std::uint64_t number) {
    fmt::format_to(std::back_inserter(text_), "{}", number);
}

void Describer::value(double number) {
    if (!std::isfinite(number)) {
        fmt::format_to(std::back_inserter(text_), "\"{}\"", number);
    } else {
        fmt::format_to(std::back_inserter(text_), "{}", number);
    }
}

void Describer::value(std::string_view text) {
    text_ += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            text_ += '\\';
            text_ += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(text_), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            text_ += c;
        }
    }
    text_ += '"';
}

void Describer::value(Bytes bytes) {
    if (!options_.exact) {
        fmt::format_to(std::back_inserter(text_), "\"{} bytes\"", bytes.size());
        return;
    }
    text_ += '"';
    append_base64(text_, bytes);
    text_ += '"';
}

void Describer::value(const Uuid& id) { value(std::string_view(id.to_string())); }

void Describer::value(ErrorCode code) {
    if (options_.exact) return signed_number(static_cast<std::int16_t>(code));
    value(error_name(code));
}

void Describer::value(const Records& records) {
    if (options_.exact) return value(records.slice().bytes());
    fmt::format_to(std::back_inserter(text_), "\"{} bytes\"", records.size());
}

}  // namespace gregor::protocol
