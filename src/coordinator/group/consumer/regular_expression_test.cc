#include "coordinator/group/consumer/regular_expression.h"

#include <gtest/gtest.h>

namespace gregor::coordinator {
namespace {

ErrorCode code_of(std::string_view text) {
    const auto compiled = RegularExpression::compile(text);
    return compiled ? ErrorCode::none : compiled.error().code;
}

TEST(RegularExpression, HostileOnesAreRefusedOrCheap) {
    EXPECT_EQ(code_of(std::string(100'000, '(')), ErrorCode::invalid_regular_expression);
    EXPECT_EQ(code_of("((a{100}){100}){100}"), ErrorCode::invalid_regular_expression);
    EXPECT_EQ(code_of("\xff\xfe"), ErrorCode::invalid_regular_expression);
    EXPECT_EQ(code_of(std::string_view("a\0b", 3)), ErrorCode::none);
    // Exponential for a matcher that backtracks.
    const auto compiled = RegularExpression::compile("(a*)*(a|a)*(a|aa)+b");
    ASSERT_TRUE(compiled);
    EXPECT_FALSE(compiled->matches(std::string(249, 'a')));
}

}  // namespace
}  // namespace gregor::coordinator
