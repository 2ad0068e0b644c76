// Runtime overrides of the configured state and weight of backends. An operator's override stays until an operator
// clears it. An agent sets an override for its own backend in heartbeats.
//
// Thread: the control thread.
// Lifetime: values.
#pragma once

#include "conf/model/config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace weir::proxy {

struct Override {
    std::optional<conf::AdminState> state;
    std::optional<std::uint32_t> weight;
    conf::BackendAddress address; // configured address of the backend that the operator meant; unset: any

    bool belongs_to(const conf::BackendAddress& other) const { return !address.is_set() || address == other; }
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

struct RuntimeOverrides {
    Overrides operator_overrides; // set by operators; these win
    Overrides agent_overrides;    // set by agents: they can make the configured state stricter, never looser

    // Returns the state and weight in force. `member` is the member's own name if the backend has several addresses.
    std::pair<conf::AdminState, std::uint32_t> effective_state(const std::string& pool, const conf::Backend& file,
                                                               const std::string& member) const {
        if (operator_overrides.all().empty() && agent_overrides.all().empty())
            return {file.state, file.weight}; // the usual case
        const auto by_operator = operator_override_for(pool, file, member),
                   by_agent = agent_overrides.find(pool, member);
        const auto state = std::max(file.state, by_agent.state.value_or(file.state));
        return {by_operator.state.value_or(state), by_operator.weight.value_or(by_agent.weight.value_or(file.weight))};
    }
    Override operator_override_for(const std::string& pool, const conf::Backend& file,
                                   const std::string& member) const {
        auto own = operator_overrides.find(pool, member);
        if (!own.is_empty() && own.belongs_to(file.address)) return own;
        const auto all = operator_overrides.find(pool, file.name);
        return all.belongs_to(file.address) ? all : Override{};
    }
};

} // namespace weir::proxy
