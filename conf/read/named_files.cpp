#include "conf/read/named_files.h"

#include "base/durable_file.h"
#include "conf/base/hash.h"
#include "conf/read/page_files.h"
#include "conf/read/tls_contexts.h"

#include <set>

namespace weir::conf {

std::vector<std::string> named_files(const Config& config) {
    auto files = tls_files(config);
    const auto pages = page_files(config);
    files.insert(files.end(), pages.begin(), pages.end());
    return files;
}

std::string hash_named_files(const Config& config) {
    std::string seen;
    for (const auto& [path, hash] : hash_tls_files(config)) seen += path + "\n" + hash + "\n";
    const auto pages = page_files(config);
    for (const auto& path : std::set<std::string>(pages.begin(), pages.end())) {
        const auto text = read_whole_file(path, max_page_bytes + 1);
        seen += path + "\n" + (text ? sha256_hex(*text) : text.error().message()) + "\n";
    }
    return seen.empty() ? seen : sha256_hex(seen);
}

} // namespace weir::conf
