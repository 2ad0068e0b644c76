// The records that weir reads from a fleet's servers, where other programs may have written anything: members, changes,
// bad configurations and versions. A record that is accepted does not change when it is written and read again.
//
// Thread: one.
// Lifetime: that of the process.
#include "lock/fleet/fleet_view.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace weir::lock;

namespace {

template <class T> void read_again(const std::optional<T>& value, std::optional<T> (*read)(std::string_view)) {
    if (!value) return;
    const auto text = to_text(*value);
    const auto again = read(text);
    if (!again || to_text(*again) != text) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    read_again(member_from(text), member_from);
    read_again(denylist_entry_from(text), denylist_entry_from);
    read_again(change_from(text), change_from);
    read_again(version_from(text), version_from);
    RedisReply reply;
    if (RedisReader().feed(text, reply) != ReaderState::has_reply) return 0;
    auto view = view_from(reply, std::chrono::seconds(15));
    auto whole = view;
    merge(whole, std::move(view)); // merging the same view adds nothing
    if (whole.members.size() > reply.items.size() + 4096 || whole.changes.size() > 4096) std::abort();
    return 0;
}
