// What weir reads back: the kept configuration, the list of bad ones, and its own cookies. What is taken is written as
// it was read.
//
// Thread: one.
// Lifetime: the process's.
#include "balancer/stickiness.h"
#include "conf/known_bad.h"
#include "conf/last_good.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace weir;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string why;
    if (const auto good = conf::last_good_from(text, why)) {
        if (conf::to_text(*good) != text) std::abort();
    } else if (why.empty()) {
        std::abort();
    }
    const auto bad = conf::KnownBad::parse(text);
    if (bad.all().size() > conf::KnownBad::most || conf::KnownBad::parse(bad.text()).all() != bad.all()) std::abort();
    if (const auto cookie = balancer::StickyCookie::parse(text); cookie && cookie->text() != text) std::abort();
    return 0;
}
