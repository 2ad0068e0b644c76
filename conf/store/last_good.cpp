#include "conf/store/last_good.h"

#include "base/durable_file.h"
#include "conf/base/hash.h"

#include <charconv>
#include <filesystem>

namespace weir::conf {
namespace {

constexpr std::string_view title = "weir last-good 1\n";

// Removes the first line of the text and returns what follows `word` and a space in it. Returns an unset value, and
// leaves the text unchanged, if the line begins differently.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view word) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos || !text.starts_with(word) || end <= word.size() || text[word.size()] != ' ')
        return std::nullopt;
    const auto value = text.substr(word.size() + 1, end - word.size() - 1);
    text.remove_prefix(end + 1);
    return value;
}

std::optional<SourceFile> take_file(std::string_view& text) {
    const auto line = take_line(text, "file");
    if (!line) return std::nullopt;
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), size);
    if (error != std::errc{} || end == line->data() + line->size() || *end != ' ' || size > text.size())
        return std::nullopt;
    SourceFile file{std::string(end + 1, line->data() + line->size()), std::string(text.substr(0, size))};
    text.remove_prefix(size);
    return file;
}

} // namespace

std::string to_text(const LastGood& good) {
    auto body = "hash " + good.hash + "\n";
    for (const auto& file : good.files)
        body += "file " + std::to_string(file.text.size()) + " " + file.path + "\n" + file.text;
    return std::string(title) + "sha256 " + sha256_hex(body) + "\n" + body;
}

Result<LastGood> last_good_from(std::string_view text) {
    if (!text.starts_with(title)) return Error("not a last-good file of this version");
    text.remove_prefix(title.size());
    const auto sum = take_line(text, "sha256");
    if (!sum || *sum != sha256_hex(text)) return Error("damaged: the checksum does not match");
    Error malformed("malformed");
    const auto hash = take_line(text, "hash");
    if (!hash) return malformed;
    LastGood good{std::string(*hash), {}};
    while (!text.empty()) {
        auto file = take_file(text);
        if (!file) return malformed;
        good.files.push_back(std::move(*file));
    }
    if (good.files.empty()) return malformed;
    return good;
}

LastGoodStore::LastGoodStore(const std::string& state_dir, const std::string& main_file) {
    const auto main = std::filesystem::absolute(main_file).lexically_normal().string();
    path_ = state_dir + "/last-good-" + sha256_hex(main).substr(0, 12);
}

Result<void> LastGoodStore::save(const LastGood& good) const { return replace_file(path_, to_text(good)); }

Result<LastGood> LastGoodStore::read() const {
    const auto text = read_whole_file(path_);
    auto good = text ? last_good_from(*text) : text.error();
    if (!good) return Error(path_ + ": " + good.error().message());
    return good;
}

} // namespace weir::conf
