#include "cli/record_format.h"

#include <fmt/format.h>

#include "cli/table.h"
#include "cli/time_text.h"

namespace gregor::cli {
namespace {

constexpr std::string_view k_fields = "tpoTmkvh";

std::string base64(Bytes bytes) {
    constexpr std::string_view k_chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8U | (i + j < bytes.size() ? static_cast<std::uint32_t>(bytes[i + j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j)
            text += i + j > bytes.size() ? '=' : k_chars[group >> (18U - 6U * j) & 63U];
    }
    return text;
}

std::string json_bytes(const std::optional<Bytes>& bytes) {
    if (!bytes) return "null";
    const auto text = as_text(*bytes);
    return is_utf8(text) ? json_string(text) : fmt::format("{{\"base64\":\"{}\"}}", base64(*bytes));
}

void put(const std::optional<Bytes>& bytes, std::string& out) {
    if (bytes) out += as_text(*bytes);
}

void put_headers(const records::RecordView& record, std::string& out) {
    auto headers = record.headers();
    for (bool is_first = true; const auto header = headers.next(); is_first = false) {
        if (!is_first) out += ',';
        out += header->key;
        out += '=';
        put(header->value, out);
    }
}

void put_field(char field, const PrintedRecord& from, std::string& out) {
    switch (field) {
        case 't': out += from.topic; return;
        case 'p': out += std::to_string(from.partition); return;
        case 'o': out += std::to_string(from.offset); return;
        case 'T': out += time_text(from.timestamp); return;
        case 'm': out += std::to_string(from.timestamp); return;
        case 'k': put(from.record.key, out); return;
        case 'v': put(from.record.value, out); return;
        case 'h': put_headers(from.record, out); return;
        default: return;
    }
}

// How many bytes the character that starts with this one takes; 0 for one that starts none.
std::size_t utf8_length(unsigned char first) {
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const auto length = utf8_length(first);
        if (length == 0 || i + length > text.size()) return false;
        for (std::size_t j = 1; j < length; ++j)
            if ((static_cast<unsigned char>(text[i + j]) & 0xc0U) != 0x80U) return false;
        const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0U;
        const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
        const bool is_outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
        if (is_overlong || is_outside) return false;
        i += length;
    }
    return true;
}

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
    RecordFormat format;
    Piece piece;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            piece.text += text[i];
            continue;
        }
        const char letter = ++i < text.size() ? text[i] : ' ';
        if (letter == '%' || letter == 'n') {
            piece.text += letter == 'n' ? '\n' : '%';
        } else if (k_fields.find(letter) != std::string_view::npos) {
            piece.field = letter;
            format.pieces_.push_back(std::exchange(piece, {}));
        } else {
            return fail(ErrorCode::invalid_request,
                        fmt::format("--format {}: %{} means nothing; there are %t %p %o %T %m %k %v %h %n %%",
                                    text, letter));
        }
    }
    if (!piece.text.empty()) format.pieces_.push_back(std::move(piece));
    return format;
}

void RecordFormat::print(const PrintedRecord& record, std::string& out) const {
    for (const auto& piece : pieces_) {
        out += piece.text;
        put_field(piece.field, record, out);
    }
}

void print_json(const PrintedRecord& from, std::string& out) {
    out +=
        fmt::format("{{\"topic\":{},\"partition\":{},\"offset\":{},\"timestamp\":{},\"key\":{},\"value\":{}",
                    json_string(from.topic), from.partition, from.offset, from.timestamp,
                    json_bytes(from.record.key), json_bytes(from.record.value));
    out += ",\"headers\":[";
    auto headers = from.record.headers();
    for (bool is_first = true; const auto header = headers.next(); is_first = false)
        out += fmt::format("{}{{\"key\":{},\"value\":{}}}", is_first ? "" : ",",
                           json_bytes(as_bytes(header->key)), json_bytes(header->value));
    out += "]}\n";
}

}  // namespace gregor::cli
