// What is changed of backends at run time, over what the file says: by operators, until they clear it, and by backends
// themselves, in their beats.
//
// Thread: the control thread.
// Lifetime: values.
#pragma once

#include "conf/config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace weir::proxy {

struct Override {
    std::optional<conf::AdminState> state;
    std::optional<std::uint32_t> weight;

    bool is_empty() const { return !state && !weight; }
    bool operator==(const Override&) const = default;
};

class Overrides {
public:
    Override find(const std::string& pool, const std::string& backend) const {
        const auto it = all_.find({pool, backend});
        return it == all_.end() ? Override{} : it->second;
    }
    void set(const std::string& pool, const std::string& backend, const Override& change) {
        if (change.is_empty()) all_.erase({pool, backend});
        else all_[{pool, backend}] = change;
    }
    const std::map<std::pair<std::string, std::string>, Override>& all() const { return all_; } // by pool and backend

private:
    std::map<std::pair<std::string, std::string>, Override> all_;
};

struct Adjustments {
    Overrides orders; // of operators: they have the last word
    Overrides wishes; // of backends: a wish makes the file's state stricter, never looser

    // What is in force of a backend. `member` is its own name, where the file's stands for several addresses.
    std::pair<conf::AdminState, std::uint32_t> standing(const std::string& pool, const conf::Backend& file,
                                                        const std::string& member) const {
        if (orders.all().empty() && wishes.all().empty()) return {file.state, file.weight}; // as it is most of the time
        const auto order = order_for(pool, file.name, member), wish = wishes.find(pool, member);
        const auto state = std::max(file.state, wish.state.value_or(file.state));
        return {order.state.value_or(state), order.weight.value_or(wish.weight.value_or(file.weight))};
    }
    Override order_for(const std::string& pool, const std::string& name, const std::string& member) const {
        const auto own = orders.find(pool, member);
        return own.is_empty() ? orders.find(pool, name) : own;
    }
};

} // namespace weir::proxy
