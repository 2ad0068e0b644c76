#include "lock/lease/fence_store.h"

#include "base/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace weir::lock {
namespace {

constexpr std::size_t max_mark_size = 128;

} // namespace

// The file contains "FENCE\n" or "FENCE HASH\n".
Result<FenceStore::Mark> FenceStore::read_mark() const {
    const auto text = read_whole_file(path_, max_mark_size);
    if (!text && text.error().code() == boost::system::errc::no_such_file_or_directory) return Mark{};
    if (!text) return text.error();
    Mark mark;
    const char* const last = text->data() + text->size();
    const auto [end, failure] = std::from_chars(text->data(), last, mark.fence);
    const auto newline = std::find(end, last, '\n');
    if (failure != std::errc{} || newline == last || (end != newline && *end != ' '))
        return boost::system::error_code(EBADMSG, boost::system::system_category());
    if (end != newline) mark.hash.assign(end + 1, newline);
    return mark;
}

Result<std::uint64_t> FenceStore::read() const {
    const auto mark = read_mark();
    if (!mark) return mark.error();
    return mark->fence;
}

Result<void> FenceStore::raise(std::uint64_t fence) const {
    const auto known = read_mark();
    if (!known) return known.error();
    if (known->fence > fence) return LockError::lost;
    return write({fence, ""});
}

Result<void> FenceStore::admit(std::uint64_t fence, const std::string& hash) const {
    const auto known = read_mark();
    if (!known) return known.error();
    if (known->fence > fence) return LockError::lost;
    if (known->fence == fence && !known->hash.empty() && known->hash != hash) return LockError::lost;
    return write({fence, hash});
}

Result<void> FenceStore::write(const Mark& mark) const {
    const auto text = std::to_string(mark.fence) + (mark.hash.empty() ? "" : " " + mark.hash) + "\n";
    return replace_file(path_, text);
}

} // namespace weir::lock
