// Objects that the HTTP connections of one worker share by using them in turn: parsed heads, the date, and random
// numbers.
//
// Thread: one worker's thread.
// Lifetime: a head is valid until another one is parsed into the same object.
#pragma once

#include "proxy/http1/date.h"
#include "proxy/http1/head.h"
#include "proxy/http1/random.h"

#include <chrono>
#include <string_view>

namespace weir::proxy {

struct HttpScratch {
    http::RequestHead request;
    http::ResponseHead response;
    http::DateClock date;
    http::Random random = http::make_random();

    // Returns the value of a Date field, valid until the next call.
    std::string_view date_now() { return date.text(std::chrono::system_clock::now()); }
};

} // namespace weir::proxy
