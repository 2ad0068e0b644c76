// The pages that clients get in place of weir's own pages for errors.
//
// Thread: immutable.
// Lifetime: shares the texts.
#pragma once

#include "conf/model/config.h"
#include "conf/read/page_files.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace weir::proxy::http {

// A body that was read from a file.
struct PageText {
    std::shared_ptr<const std::string> body;
    std::string_view content_type; // empty: the file's extension does not say it
    bool operator==(const PageText& other) const { return *body == *other.body && content_type == other.content_type; }
};

// Returns the page in a file that has been read.
PageText page_in(const std::string& file, const conf::PageFiles& files);

class ErrorPages {
public:
    ErrorPages() = default; // none
    // `files` holds the configured files.
    ErrorPages(const conf::ErrorPageFiles& configured, const conf::PageFiles& files);

    // Returns the page for a status: its own, or that of its class; null if there is none.
    const PageText* find(int status) const;
    bool operator==(const ErrorPages&) const = default;

private:
    std::map<int, PageText> pages_; // by status, or by the first digit of a class
};

} // namespace weir::proxy::http
