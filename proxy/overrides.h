// What operators, and backends themselves, change at run time: it stands over what the file says of a backend, over
// reloads, until it is cleared.
//
// Thread: the control thread.
// Lifetime: values.
#pragma once

#include "conf/config.h"

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

} // namespace weir::proxy
