#include "base/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"

namespace gregor {
namespace {

using Numbers = PersistentMap<int, int>;

std::map<int, int> content(const Numbers& map) {
    std::map<int, int> out;
    for (const auto& [key, value] : map) out.emplace(key, value);
    return out;
}

// 20,000 random changes next to a std::map, with snapshots taken on the way that must keep their content.
TEST(PersistentMap, AgreesWithStdMapAndKeepsSnapshots) {
    Prng random(7);
    Numbers map;
    std::map<int, int> model;
    std::vector<std::pair<Numbers, std::map<int, int>>> snapshots;
    for (int step = 0; step < 20'000; ++step) {
        const int key = static_cast<int>(random.below(500));
        if (random.chance(2, 5)) {
            EXPECT_EQ(map.erase(key), model.erase(key) == 1);
        } else {
            map.set(key, step);
            model[key] = step;
        }
        if (step % 500 == 0) {
            map.check_invariants();
            ASSERT_EQ(content(map), model);
            snapshots.emplace_back(map, model);
        }
    }
    for (const auto& [snapshot, expected] : snapshots) {
        snapshot.check_invariants();
        EXPECT_EQ(content(snapshot), expected);
    }
}

TEST(PersistentMap, AscendingAndDescendingKeysStayBalanced) {
    Numbers up;
    Numbers down;
    for (int i = 0; i < 5'000; ++i) {
        up.set(i, i);
        down.set(5'000 - i, i);
    }
    up.check_invariants();
    down.check_invariants();
    for (int i = 0; i < 4'990; ++i) EXPECT_TRUE(up.erase(i));
    up.check_invariants();
    EXPECT_EQ(up.size(), 10U);
}

TEST(PersistentMap, LowerBoundStartsAtTheKeyOrBehindIt) {
    Numbers map;
    for (const int key : {10, 20, 30, 40, 50}) map.set(key, key);
    EXPECT_EQ(map.lower_bound(20)->key, 20);
    EXPECT_EQ(map.lower_bound(21)->key, 30);
    EXPECT_EQ(map.lower_bound(0)->key, 10);
    EXPECT_EQ(map.lower_bound(51), map.end());
    int seen = 0;
    for (auto at = map.lower_bound(25); at != map.end(); ++at) ++seen;
    EXPECT_EQ(seen, 3);
}

TEST(PersistentMap, FindsTextByView) {
    PersistentMap<std::string, int> map;
    map.set("topic", 1);
    ASSERT_NE(map.find(std::string_view("topic")), nullptr);
    EXPECT_EQ(*map.find(std::string_view("topic")), 1);
    EXPECT_FALSE(map.contains(std::string_view("other")));
}

TEST(PersistentMap, EqualWhenEntriesAre) {
    Numbers a;
    Numbers b;
    for (const int key : {3, 1, 2}) a.set(key, key);
    for (const int key : {1, 2, 3}) b.set(key, key);
    EXPECT_EQ(a, b);
    b.set(2, 0);
    EXPECT_NE(a, b);
}

}  // namespace
}  // namespace gregor
