#include "coordinator/group/consumer/regular_expression.h"

#include <re2/re2.h>

#include <utility>

#include <fmt/format.h>

namespace gregor::coordinator {
namespace {

// Of a compiled expression and what matching it caches. An expression of a kilobyte needs a tenth of it; one
// that repeats repetitions is refused.
constexpr std::int64_t k_memory_bytes_max = std::int64_t{1} << 20;

std::string_view reason(const re2::RE2& expression) {
    switch (expression.error_code()) {
        case re2::RE2::ErrorBadEscape: return "invalid escape sequence";
        case re2::RE2::ErrorBadCharClass: return "invalid character class";
        case re2::RE2::ErrorBadCharRange: return "invalid character class range";
        case re2::RE2::ErrorMissingBracket: return "missing closing ]";
        case re2::RE2::ErrorMissingParen: return "missing closing )";
        case re2::RE2::ErrorTrailingBackslash: return "trailing backslash at end of expression";
        case re2::RE2::ErrorRepeatArgument: return "missing argument to repetition operator";
        case re2::RE2::ErrorRepeatSize: return "invalid repeat count";
        case re2::RE2::ErrorRepeatOp: return "invalid nested repetition operator";
        case re2::RE2::ErrorBadPerlOp: return "invalid or unsupported Perl syntax";
        case re2::RE2::ErrorBadUTF8: return "invalid UTF-8";
        case re2::RE2::ErrorBadNamedCapture: return "invalid named capture";
        case re2::RE2::ErrorPatternTooLarge: return "expression too large";
        case re2::RE2::NoError:
        case re2::RE2::ErrorUnexpectedParen:
        case re2::RE2::ErrorInternal: break;
    }
    return "regexp/syntax: internal error";
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

RegularExpression::RegularExpression(std::unique_ptr<re2::RE2> expression)
    : expression_(std::move(expression)) {}
RegularExpression::RegularExpression(RegularExpression&& other) noexcept = default;
RegularExpression& RegularExpression::operator=(RegularExpression&& other) noexcept = default;
RegularExpression::~RegularExpression() = default;

Result<RegularExpression> RegularExpression::compile(std::string_view text) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(k_memory_bytes_max);
    auto expression = std::make_unique<re2::RE2>(piece(text), options);
    if (!expression->ok())
        return fail(ErrorCode::invalid_regular_expression, std::string(reason(*expression)));
    return RegularExpression(std::move(expression));
}

bool RegularExpression::matches(std::string_view text) const {
    return re2::RE2::FullMatch(piece(text), *expression_);
}

Status check_regular_expression(std::string_view text) {
    const auto compiled = RegularExpression::compile(text);
    if (compiled) return {};
    return fail(compiled.error().code,
                fmt::format("SubscribedTopicRegex `{}` is not a valid regular expression: {}.", text,
                            compiled.error().detail));
}

}  // namespace gregor::coordinator
