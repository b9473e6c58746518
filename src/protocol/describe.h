// Prints a message as JSON: for log lines and transcripts, and exactly as Kafka's own converters do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "protocol/message.h"

namespace gregor::protocol {

class Describer {
public:
    struct Options {
        // Exact: error codes as numbers, bytes whole (base64), secrets shown. Otherwise names, sizes, stars.
        bool exact = false;
    };
    Describer() = default;
    explicit Describer(Options options) : options_(options) {}

    void begin() { open('{'); }
    void end() { close('}'); }
    void begin_list() { open('['); }
    void end_list() { close(']'); }
    void name(std::string_view json_name);
    void null() { put("null"); }
    void redacted() { put("\"***\""); }
    bool shows_secrets() const { return options_.exact; }

    template <class T>
        requires std::is_integral_v<T>
    void value(T number) {
        if constexpr (std::is_same_v<T, bool>)
            put(number ? "true" : "false");
        else if constexpr (std::is_unsigned_v<T>)
            unsigned_number(number);
        else
            signed_number(number);
    }
    void value(double number);
    void value(std::string_view text);
    void value(Bytes bytes);
    void value(const Uuid& id);
    void value(ErrorCode code);
    void value(const Records& records);
    template <class T>
    void value(const std::optional<T>& maybe) {
        if (maybe)
            value(*maybe);
        else
            null();
    }
    template <class T>
    void value(const List<T>& list) {
        begin_list();
        for (const auto& element : list) {
            next();
            value(element);
        }
        end_list();
    }
    // Structs and lists of them.
    template <class T>
    void value(const T& message, std::int16_t version) {
        message.describe(*this, version);
    }
    template <class T>
    void value(const List<T>& list, std::int16_t version) {
        begin_list();
        for (const auto& element : list) {
            next();
            element.describe(*this, version);
        }
        end_list();
    }
    template <class T>
    void value(const std::optional<T>& maybe, std::int16_t version) {
        if (maybe)
            value(*maybe, version);
        else
            null();
    }

    std::string take() { return std::move(text_); }

private:
    void open(char bracket);
    void close(char bracket);
    void next();  // the comma between two elements
    void put(std::string_view text) { text_ += text; }
    void signed_number(std::int64_t number);
    void unsigned_number(std::uint64_t number);

    Options options_;
    std::string text_;
    bool first_ = true;
};

template <class Message>
std::string describe(const Message& message, std::int16_t version, Describer::Options options = {}) {
    Describer describer(options);
    message.describe(describer, version);
    return describer.take();
}

}  // namespace gregor::protocol
