// What the checks of a configuration share: where a problem is told, and the forms that several of them ask for.
//
// Thread: one thread at a time.
// Lifetime: the context must outlive it.
#pragma once

#include "conf/binder.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

class Checks {
public:
    explicit Checks(BindContext& context) : context_(context) {}

    // `path` is where it stands, such as "pools.web.queue".
    void fail(const std::string& path, std::string why);
    // A name of weir's own: of a listener, a pool, a backend.
    void name(const std::string& path, const std::string& name);
    // A header's name (RFC 9110 section 5.1), of the characters that every server takes.
    bool header_name(const std::string& path, std::string_view name);
    void known(const std::string& path, const char* what, const std::string& name,
               const std::vector<std::string_view>& known);

private:
    BindContext& context_;
};

// What is wrong with the pools, and with the way in which others use them.
void check_pools(const Config& config, Checks& checks);
// What is wrong with how it is to be reloaded: the window, the lock and its servers.
void check_reload(const Config& config, Checks& checks);

} // namespace weir::conf
