#include "proxy/snapshot/error_pages.h"

#include "conf/model/error_statuses.h"
#include "conf/model/media_type.h"

namespace weir::proxy::http {

PageText page_in(const std::string& file, const conf::PageFiles& files) {
    return {files.at(file), conf::media_type_of(file)};
}

ErrorPages::ErrorPages(const conf::ErrorPageFiles& configured, const conf::PageFiles& files) {
    for (const auto& [statuses, file] : configured) {
        const auto range = conf::parse_error_statuses(statuses);
        if (range) pages_[range->first == range->last ? range->first : range->first / 100] = page_in(file, files);
    }
}

const PageText* ErrorPages::find(int status) const {
    if (pages_.empty()) return nullptr;
    auto found = pages_.find(status);
    if (found == pages_.end()) found = pages_.find(status / 100);
    return found == pages_.end() ? nullptr : &found->second;
}

} // namespace weir::proxy::http
