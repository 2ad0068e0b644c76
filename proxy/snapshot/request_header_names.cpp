#include "proxy/snapshot/request_header_names.h"

#include "conf/model/header_name.h"

namespace weir::proxy::http {
namespace {

class HeaderNames {
public:
    void add(const std::string& name) { names_.insert(conf::fold_header_name(name)); }
    void add(const conf::ClientKey& key) {
        if (key.kind == conf::ClientKey::Kind::header) add(key.name);
    }
    void add(const conf::Route& route) {
        for (const auto& [name, value] : route.match.headers) add(name);
        for (const auto& [name, value] : route.request_headers.set) add(name);
        for (const auto& name : route.request_headers.remove) add(name);
        if (route.forward_auth)
            for (const auto& name : route.forward_auth->copy_headers) add(name);
        if (route.rate_limit) add(route.rate_limit->by);
        if (route.concurrency_limit) add(route.concurrency_limit->by);
        add(route.split_by);
    }
    std::unordered_set<std::string> take() { return std::move(names_); }

private:
    std::unordered_set<std::string> names_;
};

} // namespace

std::unordered_set<std::string> request_header_names(const conf::Config& config) {
    HeaderNames names;
    for (const auto& route : config.routes) names.add(route);
    for (const auto& pool : config.pools)
        if (pool.algorithm == conf::Algorithm::hash && pool.hash.on == conf::HashOn::header) names.add(pool.hash.name);
    return names.take();
}

} // namespace weir::proxy::http
