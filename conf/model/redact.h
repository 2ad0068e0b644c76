// Hides values that may be secrets: values of environment variables, and of headers that carry credentials.
//
// Thread: pure functions.
// Lifetime: the results own their texts.
#pragma once

#include "conf/model/config.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

// Returns "sha256:" and 12 digits: enough to detect that a secret has changed, but not to recover it.
std::string fingerprint(std::string_view value);

// Returns the display form of a value with variables: "Bearer ${TOKEN} (sha256:0123456789ab)".
std::string hidden(const std::string& written, std::string_view value);

// Returns whether two displayed values are the same, even if only one of them is hidden.
bool is_same_value(std::string_view a, std::string_view b);

// Returns whether the value of this header is a credential, as for Authorization or Cookie.
bool is_sensitive_header(std::string_view name);

// Returns the message with variable names in place of their values, and without user names and passwords in URLs and
// addresses. Values of fewer than 6 characters are replaced only if they are in quotes, because a port or a weight
// could match by chance.
std::string redact(std::string message, const std::vector<Substitution>& substitutions);

} // namespace weir::conf
