#include "proxy/cli/target.h"

#include "conf/model/redact.h"
#include "conf/read/load.h"
#include "conf/read/token_file.h"

#include <boost/json.hpp>

#include <iostream>

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

const json::value* find_error(const json::value& value) {
    const auto* fields = value.if_object();
    const auto* error = fields ? fields->if_contains("error") : nullptr;
    return error && error->is_string() ? error : nullptr;
}

// Only the admin section matters, so a file with errors elsewhere can still be used.
std::optional<conf::Admin> read_admin_section(const Target& target) {
    const auto& path = config_path(target);
    const auto loaded = conf::load(path);
    const auto& found = loaded.config.admin.address;
    if (found && (found->is_unix() || std::get<conf::Address>(found->where).is_set())) return loaded.config.admin;
    for (const auto& error : loaded.errors) std::cerr << error.text() << "\n";
    if (loaded.hash.empty() || loaded.sources.empty())
        std::cerr << "weir: no process given: name its configuration (-c FILE) or its admin address (--admin "
                     "HOST:PORT)\n";
    else std::cerr << "weir: " << path << " has no admin.address; add admin: {address: \"127.0.0.1:9901\"}\n";
    return std::nullopt;
}

} // namespace

Result<AdminResponse> Admin::call(AdminMethod method, const std::string& target, const std::string& body) const {
    return call_admin(endpoint, {method, target, body, token, tls, timeout, check_process});
}

const std::string& config_path(const Target& target) {
    static const std::string by_default = default_config;
    return target.config.empty() ? by_default : target.config;
}

std::optional<Admin> find_admin(const Target& target) {
    Admin admin;
    std::string own_certificate; // the one that the configuration names
    admin.timeout = target.timeout.value_or(default_timeout);
    auto token_file = target.token_file;
    std::string key = "--token-file";
    if (!target.admin.empty()) {
        auto endpoint = Endpoint::parse(target.admin);
        if (!endpoint) {
            std::cerr << "weir: --admin " << conf::redact(target.admin, {}) << ": " << endpoint.error().message()
                      << "\n";
            return std::nullopt;
        }
        admin.endpoint = *std::move(endpoint);
    } else {
        const auto section = read_admin_section(target);
        if (!section) return std::nullopt;
        admin.endpoint = Endpoint(*section->address, section->tls ? Endpoint::Scheme::https : Endpoint::Scheme::http);
        if (section->tls) own_certificate = section->tls->cert;
        if (token_file.empty()) {
            token_file = section->token_file;
            key = config_path(target) + ": admin.token_file";
        }
    }
    const bool uses_own = target.ca.empty() && !own_certificate.empty();
    auto tls = uses_own ? trust_certificate(own_certificate, admin.endpoint.host())
                        : trust_authorities(target.ca, admin.endpoint);
    if (!tls) {
        std::cerr << "weir: " << (uses_own ? config_path(target) + ": admin.tls.cert" : "--ca") << ": "
                  << tls.error().message() << "\n";
        return std::nullopt;
    }
    admin.tls = *std::move(tls);
    if (token_file.empty()) return admin;
    auto token = conf::read_token(token_file);
    if (!token) {
        std::cerr << "weir: " << key << ": " << token.error().message() << "\n";
        return std::nullopt;
    }
    admin.token = *std::move(token);
    return admin;
}

std::string reason_of(const Result<AdminResponse>& response, const Endpoint& endpoint) {
    if (!response) return response.error().message();
    boost::system::error_code bad;
    const auto body = json::parse(response->body, bad);
    const auto status = "status " + std::to_string(response->status);
    if (const auto* error = bad ? nullptr : find_error(body))
        return std::string(error->as_string()) + (response->status == 401 ? " (weir: --token-file FILE)" : "");
    return endpoint.text() + " does not answer like weir (" + status + "): check the admin address";
}

std::optional<json::value> call(const Admin& admin, AdminMethod method, const std::string& path,
                                const std::string& body) {
    const auto response = admin.call(method, path, body);
    boost::system::error_code bad;
    if (response && (response->status / 100 == 2 || response->status == 409)) {
        auto value = json::parse(response->body, bad);
        if (!bad && value.is_structured() && !find_error(value)) return value;
    }
    std::cerr << "weir: " << reason_of(response, admin.endpoint) << "\n";
    return std::nullopt;
}

std::optional<json::value> call(const Target& target, AdminMethod method, const std::string& path,
                                const std::string& body) {
    const auto admin = find_admin(target);
    return admin ? call(*admin, method, path, body) : std::nullopt;
}

} // namespace weir::proxy::cli
