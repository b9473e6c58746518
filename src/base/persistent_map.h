// An ordered map of which every copy is a snapshot: copying is O(1), changing one entry O(log n), and what
// other copies see never changes. An AVL tree of shared nodes; a change copies the path from the root, except
// for nodes that no other copy can reach, which it changes in place.
//
// Copies may be read on any thread while their owner goes on changing his own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "base/ref.h"

namespace gregor {

template <class K, class V, class Less = std::less<>>
class PersistentMap {
    struct Node;
    using Link = Ref<Node>;

public:
    struct Entry {
        K key;
        V value;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    class Iterator;

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

    template <class Key>
    const V* find(const Key& key) const {
        const Node* node = root_.get();
        while (node != nullptr) {
            if (Less{}(key, node->entry.key)) {
                node = node->left.get();
            } else if (Less{}(node->entry.key, key)) {
                node = node->right.get();
            } else {
                return &node->entry.value;
            }
        }
        return nullptr;
    }
    template <class Key>
    bool contains(const Key& key) const {
        return find(key) != nullptr;
    }

    // Inserts or replaces.
    void set(K key, V value) { root_ = inserted(std::move(root_), std::move(key), std::move(value), size_); }
    // False when there was no such key.
    template <class Key>
    bool erase(const Key& key) {
        if (!contains(key)) return false;
        root_ = erased(std::move(root_), key);
        --size_;
        return true;
    }
    void clear() { *this = {}; }

    Iterator begin() const {
        Iterator at;
        at.descend_left(root_.get());
        return at;
    }
    Iterator end() const { return {}; }
    // The first entry whose key is not less than `key`.
    template <class Key>
    Iterator lower_bound(const Key& key) const {
        Iterator at;
        for (const Node* node = root_.get(); node != nullptr;) {
            if (Less{}(node->entry.key, key)) {
                node = node->right.get();
            } else {
                at.push(node);
                node = node->left.get();
            }
        }
        return at;
    }

    friend bool operator==(const PersistentMap& a, const PersistentMap& b) {
        return a.root_ == b.root_ || (a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin()));
    }

    // Order, balance and size; O(n), for tests and DCHECK.
    void check_invariants() const {
        ASSERT(check(root_.get()) == size_);
        const Entry* before = nullptr;
        for (const auto& entry : *this) {
            ASSERT(before == nullptr || Less{}(before->key, entry.key));
            before = &entry;
        }
    }

private:
    // A tree of this height holds more entries than memory does (AVL: at least 1.6^height).
    static constexpr std::size_t k_height_max = 96;

    struct Node final : RefCounted {
        Node(K key, V value) : entry{std::move(key), std::move(value)} {}
        Node(const Node& other)
            : RefCounted(), entry(other.entry), left(other.left), right(other.right), height(other.height) {}
        ~Node() override = default;

        Entry entry;
        Link left;
        Link right;
        std::uint8_t height = 1;
    };

    static int height(const Link& link) { return link ? link->height : 0; }

    // A node that only we reach: `node` itself, or its copy.
    static Link owned(Link node) {
        if (node->is_unique()) return node;
        return make_ref<Node>(*node);
    }
    static void update_height(Node& node) {
        node.height = static_cast<std::uint8_t>(1 + std::max(height(node.left), height(node.right)));
    }

    static Link inserted(Link node, K key, V value, std::size_t& size) {
        if (!node) {
            ++size;
            return make_ref<Node>(std::move(key), std::move(value));
        }
        node = owned(std::move(node));
        if (Less{}(key, node->entry.key)) {
            node->left = inserted(std::move(node->left), std::move(key), std::move(value), size);
        } else if (Less{}(node->entry.key, key)) {
            node->right = inserted(std::move(node->right), std::move(key), std::move(value), size);
        } else {
            node->entry.value = std::move(value);
            return node;
        }
        return balanced(std::move(node));
    }

    template <class Key>
    static Link erased(Link node, const Key& key) {
        node = owned(std::move(node));
        if (Less{}(key, node->entry.key)) {
            node->left = erased(std::move(node->left), key);
        } else if (Less{}(node->entry.key, key)) {
            node->right = erased(std::move(node->right), key);
        } else {
            return joined(std::move(node->left), std::move(node->right));
        }
        return balanced(std::move(node));
    }

    // Two trees with every key of `left` before every key of `right`, their heights at most one apart.
    static Link joined(Link left, Link right) {
        if (!left) return right;
        if (!right) return left;
        Link first;
        right = without_first(std::move(right), first);
        first->left = std::move(left);
        first->right = std::move(right);
        return balanced(std::move(first));
    }
    static Link without_first(Link node, Link& first) {
        node = owned(std::move(node));
        if (!node->left) {
            Link rest = std::move(node->right);
            first = std::move(node);
            return rest;
        }
        node->left = without_first(std::move(node->left), first);
        return balanced(std::move(node));
    }

    static Link rotated_right(Link node) {
        Link top = owned(std::move(node->left));
        node->left = std::move(top->right);
        update_height(*node);
        top->right = std::move(node);
        update_height(*top);
        return top;
    }
    static Link rotated_left(Link node) {
        Link top = owned(std::move(node->right));
        node->right = std::move(top->left);
        update_height(*node);
        top->left = std::move(node);
        update_height(*top);
        return top;
    }
    static Link balanced(Link node) {
        const int lean = height(node->left) - height(node->right);
        if (lean > 1) {
            node->left = owned(std::move(node->left));
            if (height(node->left->left) < height(node->left->right))
                node->left = rotated_left(std::move(node->left));
            return rotated_right(std::move(node));
        }
        if (lean < -1) {
            node->right = owned(std::move(node->right));
            if (height(node->right->right) < height(node->right->left))
                node->right = rotated_right(std::move(node->right));
            return rotated_left(std::move(node));
        }
        update_height(*node);
        return node;
    }

    static std::size_t check(const Node* node) {
        if (node == nullptr) return 0;
        const int lean = height(node->left) - height(node->right);
        ASSERT(lean >= -1 && lean <= 1);
        ASSERT(node->height == 1 + std::max(height(node->left), height(node->right)));
        return 1 + check(node->left.get()) + check(node->right.get());
    }

    Link root_;
    std::size_t size_ = 0;
};

// In key order. Valid while the map it came from, or a copy of it, is unchanged.
template <class K, class V, class Less>
class PersistentMap<K, V, Less>::Iterator {
public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using reference = const Entry&;
    using pointer = const Entry*;
    using iterator_category = std::forward_iterator_tag;

    reference operator*() const { return path_[depth_ - 1]->entry; }
    pointer operator->() const { return &path_[depth_ - 1]->entry; }
    Iterator& operator++() {
        const Node* node = path_[--depth_];
        descend_left(node->right.get());
        return *this;
    }
    Iterator operator++(int) {
        Iterator before = *this;
        ++*this;
        return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.here() == b.here(); }

private:
    friend class PersistentMap;
    const Node* here() const { return depth_ == 0 ? nullptr : path_[depth_ - 1]; }
    void push(const Node* node) {
        ASSERT(depth_ < k_height_max);
        path_[depth_++] = node;
    }
    void descend_left(const Node* node) {
        for (; node != nullptr; node = node->left.get()) push(node);
    }

    std::array<const Node*, k_height_max> path_;  // unset above depth_
    std::size_t depth_ = 0;
};

}  // namespace gregor
