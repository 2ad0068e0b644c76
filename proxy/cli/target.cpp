#include "proxy/cli/target.h"

#include "conf/load.h"

#include <fstream>
#include <iostream>

namespace weir::proxy::cli {
namespace {

std::string first_line(const std::string& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

} // namespace

std::optional<Admin> find_admin(const Target& target) {
    Admin admin;
    std::string token_file = target.token_file;
    if (!target.admin.empty()) {
        std::string why;
        admin.address = conf::AdminAddress::parse(target.admin, why);
        if (!why.empty()) {
            std::cerr << "weir: --admin " << target.admin << ": " << why << "\n";
            return std::nullopt;
        }
    } else if (!target.config.empty()) {
        // Only the address is of interest: a file with errors elsewhere still leads to the process.
        const auto loaded = conf::load(target.config);
        const auto& found = loaded.config.admin.address;
        if (!found || !(found->is_unix() || std::get<conf::Address>(found->where).is_set())) {
            for (const auto& error : loaded.errors) std::cerr << error.text() << "\n";
            std::cerr << "weir: " << target.config
                      << " has no admin.address; add admin: {address: \"127.0.0.1:9901\"}\n";
            return std::nullopt;
        }
        admin.address = *loaded.config.admin.address;
        if (token_file.empty()) token_file = loaded.config.admin.token_file;
    } else {
        std::cerr << "weir: say which process: -c FILE or --admin ADDRESS\n";
        return std::nullopt;
    }
    if (!token_file.empty()) admin.token = first_line(token_file);
    return admin;
}

std::optional<AdminAnswer> call(const Target& target, AdminMethod method, const std::string& path,
                                const std::string& body) {
    const auto admin = find_admin(target);
    if (!admin) return std::nullopt;
    auto answer = call_admin(admin->address, admin->token, method, path, body);
    const bool has_verdict = answer.status / 100 == 2 || answer.status == 409;
    if (answer.error.empty() && has_verdict) return answer;
    std::cerr << "weir: " << (answer.error.empty() ? "refused: " + answer.body : answer.error + "\n");
    return std::nullopt;
}

} // namespace weir::proxy::cli
