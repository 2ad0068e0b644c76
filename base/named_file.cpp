#include "base/named_file.h"

#include "base/durable_file.h"

#include <boost/system/errc.hpp>

namespace weir {

Result<std::string> read_named_file(const std::string& path, std::string_view content, std::size_t most) {
    auto text = read_whole_file(path, most + 1);
    const std::string needed(content);
    if (!text) {
        if (text.error().code() == boost::system::errc::no_such_file_or_directory)
            return Error("there is no file " + path + "; create it, with " + needed);
        if (text.error().code() == boost::system::errc::invalid_argument ||
            text.error().code() == boost::system::errc::is_a_directory)
            return Error(path + " cannot be read: it is not a regular file; put one there, with " + needed);
        return Error(path + " cannot be read: " + text.error().message() + "; grant this user read access");
    }
    if (text->empty()) return Error(path + " is empty; write " + needed);
    if (text->size() > most)
        return Error(path + " is larger than " + std::to_string(most / 1024) + " KiB; it should hold only " + needed);
    return text;
}

} // namespace weir
