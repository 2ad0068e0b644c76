// Chooses the fields of a response's trailer section that the client gets: not those that the route sets or removes, or
// that the backend's Connection fields name.
//
// Thread: one worker's thread.
// Lifetime: the changes of the route must outlive it.
#pragma once

#include "conf/model/route.h"
#include "proxy/http1/fields.h"
#include "proxy/transfer/trailer_filter.h"

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy::http {

class ResponseTrailers final : public TrailerFilter {
public:
    // Takes what the head of the response says. `edit` are the route's changes to the headers; null: there are none.
    void begin(const std::vector<Field>& head, const conf::HeaderEdit* edit);

    std::string filter(std::string_view received, ContentCoded coded) const override;

private:
    const conf::HeaderEdit* edit_ = nullptr;
    std::unique_ptr<std::string> connection_; // the values of the Connection fields as one list; null: there are none
};

} // namespace weir::proxy::http
