// The parts of check_routes (checks.h), by what they check.
//
// Thread: one thread at a time.
// Lifetime: the functions keep nothing.
#pragma once

#include "conf/read/checks.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::conf {

// Which message a header belongs to. own_response: one that weir gives without a backend.
enum class Message { request, response, own_response };

// Checks the conditions of a route; `path` is the path of its `match`.
void check_match(const std::string& path, const Match& match, const std::vector<std::string_view>& listeners,
                 Checks& checks);
// Checks what a route does with requests; `path` is the route's.
void check_action(const std::string& path, const Route& route, const std::vector<std::string_view>& pools,
                  Checks& checks);
// Checks the rules for which clients a route serves, and how much; `path` is the route's.
void check_access(const std::string& path, const Route& route, const std::vector<std::string_view>& pools,
                  Checks& checks);
// Checks what a route does with the bodies of requests; `path` is the route's.
void check_bodies(const std::string& path, const Route& route, const Limits& limits,
                  const std::vector<std::string_view>& pools, Checks& checks);
void check_client_key(const std::string& path, const ClientKey& key, Checks& checks);
// Checks how a route changes the path; `path` is the path of its `rewrite`.
void check_rewrite(const std::string& path, const PathRewrite& rewrite, Checks& checks);

// Checks the name of a header that a route changes.
void check_header(const std::string& path, std::string_view name, Message message, Checks& checks);
// Checks the changes to the headers of a message.
void check_header_edit(const std::string& path, const HeaderEdit& edit, Message message, Checks& checks);
// Checks headers that are set: their names, which must differ for every backend, and their values.
void check_set_headers(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
                       Message message, Checks& checks);
// Checks the variables in a value. The backend is known only once it has responded.
void check_variables(const std::string& path, std::string_view value, Message message, Checks& checks);

// Checks a path that routes match: it is compared with paths in their normal form (url_path.h).
void check_url_path(const std::string& path, const std::string& value, Checks& checks);
// Checks a regular expression. Returns the number of its groups, or -1 if RE2 does not accept it.
int check_regex(const std::string& path, const std::string& pattern, Checks& checks);

} // namespace weir::conf
