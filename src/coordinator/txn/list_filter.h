// Which transactions ListTransactions asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "coordinator/txn/types.h"

namespace gregor::coordinator {

class TxnListFilter {
public:
    // What is empty, and a negative duration, does not filter.
    struct Wishes {
        std::vector<ProducerId> producer_ids;
        std::vector<std::string> states;
        std::int64_t duration_ms = -1;  // longer than this under way
        std::string id_pattern;         // of the whole id; RE2's syntax, as Kafka's
    };
    // invalid_regular_expression.
    static Result<TxnListFilter> make(Wishes wishes);

    TxnListFilter(TxnListFilter&& other) noexcept;
    TxnListFilter& operator=(TxnListFilter&& other) noexcept;
    ~TxnListFilter();

    bool passes(const ListedTransaction& transaction, std::int64_t now_ms) const;
    // Names among the states that Kafka does not have either.
    std::vector<std::string> unknown_states() const;

private:
    class Pattern;
    TxnListFilter(Wishes wishes, std::unique_ptr<Pattern> pattern);

    Wishes wishes_;
    std::unique_ptr<Pattern> pattern_;  // may be none
};

}  // namespace gregor::coordinator
