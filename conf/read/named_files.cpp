#include "conf/read/named_files.h"

#include "base/durable_file.h"
#include "conf/base/hash.h"
#include "conf/read/page_files.h"
#include "conf/read/tls_contexts.h"
#include "conf/read/users_file.h"

#include <map>

namespace weir::conf {

std::vector<std::string> named_files(const Config& config) {
    auto files = tls_files(config);
    for (const auto& more : {page_files(config), users_files(config)})
        files.insert(files.end(), more.begin(), more.end());
    return files;
}

std::string hash_named_files(const Config& config) {
    std::string seen;
    for (const auto& [path, hash] : hash_tls_files(config)) seen += path + "\n" + hash + "\n";
    std::map<std::string, std::size_t> others; // by path: how much of it counts
    for (const auto& path : page_files(config)) others[path] = max_page_bytes + 1;
    for (const auto& path : users_files(config)) others[path] = max_users_bytes + 1;
    for (const auto& [path, most] : others) {
        const auto text = read_whole_file(path, most);
        seen += path + "\n" + (text ? sha256_hex(*text) : text.error().message()) + "\n";
    }
    return seen.empty() ? seen : sha256_hex(seen);
}

} // namespace weir::conf
