#include "proxy/runtime/file_change.h"

namespace weir::proxy {

std::vector<FileChange> find_changed_files(const conf::FileHashes& in_force, const conf::FileHashes& next) {
    std::vector<FileChange> changes;
    for (const auto& [path, hash] : next) {
        const auto known = in_force.find(path);
        if (known != in_force.end() && known->second != hash)
            changes.push_back({FileChange::Kind::page_or_users, path, known->second, hash});
    }
    return changes;
}

} // namespace weir::proxy
