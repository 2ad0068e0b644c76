#include "conf/read/page_files.h"

#include "base/durable_file.h"

namespace weir::conf {
namespace {

struct NamedPage {
    std::string place; // the path of the key that names it
    std::string file;
};

void add(std::vector<NamedPage>& pages, const std::string& place, const ErrorPageFiles& files) {
    for (const auto& [statuses, file] : files) pages.push_back({place + ".error_pages." + statuses, file});
}

std::vector<NamedPage> named_pages(const Config& config) {
    std::vector<NamedPage> pages;
    for (std::size_t i = 0; i < config.routes.size(); ++i) {
        const auto& route = config.routes[i];
        const auto place = "routes[" + std::to_string(i) + "]";
        if (route.respond && !route.respond->file.empty())
            pages.push_back({place + ".respond.file", route.respond->file});
        add(pages, place, route.error_pages);
    }
    for (const auto& pool : config.pools) add(pages, "pools." + pool.name, pool.error_pages);
    return pages;
}

} // namespace

PageFiles read_page_files(const Config& config, std::vector<Problem>& problems) {
    PageFiles pages;
    for (const auto& [place, file] : named_pages(config)) {
        const auto [known, is_new] = pages.try_emplace(file);
        if (!is_new && known->second) continue;
        auto text = read_whole_file(file, max_page_bytes + 1);
        if (!text) {
            problems.push_back({place, "cannot read " + file + ": " + text.error().message()});
        } else if (text->size() > max_page_bytes) {
            problems.push_back({place, file + " is larger than 1MiB: serve it from a backend"});
        } else {
            known->second = std::make_shared<const std::string>(*std::move(text));
        }
    }
    return pages;
}

std::vector<std::string> page_files(const Config& config) {
    std::vector<std::string> files;
    for (auto& page : named_pages(config)) files.push_back(std::move(page.file));
    return files;
}

} // namespace weir::conf
