// Bytes handed out to named accounts, so that what grows from outside has a limit and a figure.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "base/ref.h"

namespace gregor {

class Charge;

// One use of memory on one shard: thread-confined, but for its reference count. Charges keep it alive.
//
// The limit is soft by one charge, as Kafka's memory pool is: whoever finds room may take any size, so a
// single request larger than the limit still gets through.
class BudgetAccount final : public RefCounted {
public:
    BudgetAccount(std::string name, std::size_t limit) : name_(std::move(name)), limit_(limit) {}

    bool has_room() const { return used_ < limit_; }
    Charge take(std::size_t size);  // always granted; ask has_room() first where one can wait
    const std::string& name() const { return name_; }
    std::size_t limit() const { return limit_; }
    std::size_t used() const { return used_; }
    std::size_t peak() const { return peak_; }

private:
    friend class Charge;
    ~BudgetAccount() override = default;
    void add(std::size_t size) {
        used_ += size;
        if (used_ > peak_) peak_ = used_;
    }

    const std::string name_;
    const std::size_t limit_;
    std::size_t used_ = 0;
    std::size_t peak_ = 0;
};

// So many bytes of an account, given back at the end of its life.
class Charge {
public:
    Charge() = default;
    Charge(Ref<BudgetAccount> account, std::size_t size) : account_(std::move(account)), size_(size) {
        account_->add(size_);
    }
    Charge(Charge&& other) noexcept
        : account_(std::move(other.account_)), size_(std::exchange(other.size_, 0)) {}
    Charge& operator=(Charge&& other) noexcept {
        std::swap(account_, other.account_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Charge() {
        if (account_) account_->used_ -= size_;
    }
    std::size_t size() const { return size_; }

private:
    Ref<BudgetAccount> account_;
    std::size_t size_ = 0;
};

inline Charge BudgetAccount::take(std::size_t size) { return Charge(Ref(this), size); }

}  // namespace gregor
