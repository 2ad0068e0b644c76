// Data that weir has written itself: the last good configuration, the denylist, and sticky cookies. Data that is
// accepted is written again exactly as it was read.
//
// Thread: one.
// Lifetime: that of the process.
#include "balancer/stickiness.h"
#include "conf/store/denylist.h"
#include "conf/store/last_good.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace weir;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto good = conf::last_good_from(text)) {
        if (conf::to_text(*good) != text) std::abort();
    } else if (good.error().message().empty()) {
        std::abort();
    }
    const auto bad = conf::Denylist::parse(text);
    if (bad.all().size() > conf::Denylist::max_entries || conf::Denylist::parse(bad.text()).all() != bad.all())
        std::abort();
    if (const auto cookie = balancer::StickyCookie::parse(text); cookie && cookie->text() != text) std::abort();
    return 0;
}
