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

FileHashes hash_pages_and_users(const Config& config) {
    std::map<std::string, std::size_t> files; // by path: how much of it counts
    for (const auto& path : page_files(config)) files[path] = max_page_bytes + 1;
    for (const auto& path : users_files(config)) files[path] = max_users_bytes + 1;
    FileHashes hashes;
    for (const auto& [path, most] : files) {
        const auto text = read_whole_file(path, most);
        hashes[path] = text ? sha256_hex(*text) : text.error().message();
    }
    return hashes;
}

std::string hash_named_files(const Config& config) {
    std::string seen;
    for (const auto& hashes : {hash_tls_files(config), hash_pages_and_users(config)})
        for (const auto& [path, hash] : hashes) seen += path + "\n" + hash + "\n";
    return seen.empty() ? seen : sha256_hex(seen);
}

} // namespace weir::conf
