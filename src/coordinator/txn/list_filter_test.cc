#include "coordinator/txn/list_filter.h"

#include <gtest/gtest.h>

namespace gregor::coordinator {
namespace {

const ListedTransaction k_listed{
    .transactional_id = "shop-7", .producer_id = ProducerId{7}, .state = "Ongoing", .start_ms = 1'000};

bool passes(TxnListFilter::Wishes wishes, std::int64_t now_ms = 2'000) {
    const auto filter = TxnListFilter::make(std::move(wishes));
    EXPECT_TRUE(filter);
    return filter->passes(k_listed, now_ms);
}

TEST(TxnListFilter, EachWishFilters) {
    EXPECT_TRUE(passes({}));
    EXPECT_TRUE(passes({.producer_ids = {ProducerId{1}, ProducerId{7}}}));
    EXPECT_FALSE(passes({.producer_ids = {ProducerId{1}}}));
    EXPECT_TRUE(passes({.states = {"Empty", "Ongoing"}}));
    EXPECT_FALSE(passes({.states = {"ongoing"}}));  // as the peer: case counts
    EXPECT_TRUE(passes({.duration_ms = 999}));
    EXPECT_FALSE(passes({.duration_ms = 1'000}));
    EXPECT_TRUE(passes({.id_pattern = "shop-.*"}));
    EXPECT_FALSE(passes({.id_pattern = "shop"}));  // of the whole id
}

TEST(TxnListFilter, NamesWhatItDoesNotKnow) {
    const auto filter =
        TxnListFilter::make({.states = {"Dead", "Sleeping", "Ongoing", "Asleep", "Sleeping"}});
    ASSERT_TRUE(filter);
    EXPECT_EQ(filter->unknown_states(), (std::vector<std::string>{"Asleep", "Sleeping"}));
    EXPECT_FALSE(passes({.states = {"Sleeping"}}));
    EXPECT_EQ(TxnListFilter::make({.id_pattern = "("}).error().code, ErrorCode::invalid_regular_expression);
}

}  // namespace
}  // namespace gregor::coordinator
