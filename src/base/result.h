// Errors as values. Nothing of ours throws (docs/adr: Result, not exceptions).
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/error_code.h"

namespace gregor {

// `code` is what a client may see; `detail` is one sentence for a human: the key, the value and the remedy.
struct Error {
    ErrorCode code = ErrorCode::unknown_server_error;
    std::string detail;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail = {}) {
    return std::unexpected(Error{code, std::move(detail)});
}

}  // namespace gregor

// Evaluates to the value of a Result, or returns its error from the enclosing function. One per statement.
#define TRY(expression)                                                           \
    __extension__({                                                               \
        auto try_result_ = (expression);                                          \
        if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
        *std::move(try_result_);                                                  \
    })

// As TRY, for a Status, where there is no value.
#define TRY_STATUS(expression)                                                    \
    do {                                                                          \
        auto try_status_ = (expression);                                          \
        if (!try_status_) return std::unexpected(std::move(try_status_).error()); \
    } while (false)
