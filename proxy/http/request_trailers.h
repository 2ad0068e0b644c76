// Chooses the fields of a request's trailer section that a backend gets. Routes, limits and authentication have judged
// the request by its head, so no field whose name the configuration uses for requests comes in behind them.
//
// Thread: one worker's thread.
// Lifetime: the request and the scratch objects must outlive it.
#pragma once

#include "proxy/http/incoming_request.h"
#include "proxy/transfer/trailer_filter.h"

namespace weir::proxy::http {

class RequestTrailers final : public TrailerFilter {
public:
    RequestTrailers(const IncomingRequest& incoming, HttpScratch& scratch) : incoming_(incoming), scratch_(scratch) {}

    std::string filter(std::string_view received, ContentCoded coded) const override;

private:
    const IncomingRequest& incoming_;
    HttpScratch& scratch_;
};

} // namespace weir::proxy::http
