#include "conf/model/error_statuses.h"
#include "conf/model/media_type.h"
#include "conf/read/checks.h"

#include <set>

namespace weir::conf {

void check_error_pages(const std::string& path, const ErrorPageFiles& pages, Checks& checks) {
    std::set<std::string> seen;
    for (const auto& [statuses, file] : pages) {
        const auto at = path + "." + statuses;
        if (!parse_error_statuses(statuses))
            checks.fail(at, "\"" + statuses + "\" is not an error status: write 400 to 599, 4xx or 5xx");
        if (!seen.insert(statuses).second) checks.fail(at, "duplicate: there is another page for " + statuses);
        if (media_type_of(file).empty())
            checks.fail(at, "the extension of \"" + file +
                                "\" has no known Content-Type: name it .html, .txt, .json or .xml");
    }
}

} // namespace weir::conf
