#include "proxy/runtime/file_change.h"

#include "conf/base/hash.h"

namespace weir::proxy {

std::vector<FileChange> find_changed_pages(const conf::PageFiles& in_force, const conf::PageFiles& next) {
    std::vector<FileChange> changes;
    for (const auto& [path, text] : next) {
        const auto known = in_force.find(path);
        if (!text || known == in_force.end() || *known->second == *text) continue;
        changes.push_back({FileChange::Kind::page, path, conf::sha256_hex(*known->second), conf::sha256_hex(*text)});
    }
    return changes;
}

} // namespace weir::proxy
