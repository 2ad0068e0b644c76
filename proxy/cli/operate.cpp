#include "proxy/cli/commands.h"
#include "proxy/cli/json_text.h"
#include "proxy/cli/status_text.h"
#include "proxy/cli/target.h"
#include "proxy/cli/watch.h"

#include <iostream>

namespace weir::proxy::cli {

namespace json = boost::json;

ExitCode change_backend(const Target& target, const std::string& backend, const std::string& query) {
    const auto answer = call(target, AdminMethod::post, "/api/v1/backends/" + backend + "?" + query);
    if (!answer) return ExitCode::refused;
    const auto& now = answer->as_object();
    std::cout << backend << ": " << text_of(now.at("state")) << ", weight " << now.at("weight");
    if (const auto* file = now.if_contains("file"); file && now.if_contains("override"))
        std::cout << " (the file has " << text_of(file->at("state")) << ", weight " << file->at("weight")
                  << "; weir clear " << backend << " restores that)";
    std::cout << "\n";
    return ExitCode::done;
}

ExitCode status(const Target& target, Output output, std::optional<std::chrono::milliseconds> interval) {
    constexpr const char* path = "/api/v1/status";
    if (interval) return watch(target, path, output, *interval, status_text);
    const auto answer = call(target, AdminMethod::get, path);
    if (!answer) return ExitCode::refused;
    std::cout << (output == Output::json ? json::serialize(*answer) + "\n" : status_text(answer->as_object()));
    return ExitCode::done;
}

} // namespace weir::proxy::cli
