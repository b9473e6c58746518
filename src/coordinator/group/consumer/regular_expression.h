// A regular expression of a client, in RE2's syntax as Kafka's: matched in linear time, in bounded memory.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace gregor::coordinator {

class RegularExpression {
public:
    // invalid_regular_expression, with what is wrong in the words of Kafka's library.
    static Result<RegularExpression> compile(std::string_view text);

    RegularExpression(RegularExpression&& other) noexcept;
    RegularExpression& operator=(RegularExpression&& other) noexcept;
    ~RegularExpression();

    // The whole of `text`.
    bool matches(std::string_view text) const;

private:
    explicit RegularExpression(std::unique_ptr<re2::RE2> expression);

    std::unique_ptr<re2::RE2> expression_;
};

// Whether a member may subscribe with it; the error is Kafka's sentence.
Status check_regular_expression(std::string_view text);

}  // namespace gregor::coordinator
