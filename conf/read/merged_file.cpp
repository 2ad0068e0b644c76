#include "conf/read/merged_file.h"

#include "conf/base/glob_paths.h"

#include <utility>

namespace weir::conf {

void MergedFile::read_main(const std::string& path) {
    if (const auto text = read(path)) root_ = parse(*text, 0, path);
    follow_includes(path);
    forget_include();
}

void MergedFile::read_text(std::string_view text, const std::string& name) {
    loaded_.files.push_back(name);
    bytes_.assign(text);
    root_ = parse(text, 0, name);
    if (const auto* include = root_.find("include"))
        context_.fail(include->mark, "include", "only a file can include others");
    forget_include();
}

void MergedFile::forget_include() {
    std::erase_if(root_.entries, [](const auto& e) { return e.key == "include"; });
}

Node MergedFile::parse(std::string_view text, std::size_t file, const std::string& name) {
    auto node = parse_document(text, file, name, loaded_.errors);
    readable_ = readable_ && node;
    return node ? *std::move(node) : Node{};
}

std::optional<std::string> MergedFile::read(const std::string& path) {
    loaded_.files.push_back(path);
    loaded_.watched.push_back(path);
    auto text = reader_.read(path);
    if (!text) {
        loaded_.errors.push_back({path, 0, 0, "", text.error().message()});
        readable_ = false;
        return std::nullopt;
    }
    loaded_.sources.push_back({path, *text});
    bytes_ += *text;
    return *std::move(text);
}

void MergedFile::follow_includes(const std::string& main) {
    const auto* entry = root_.find("include");
    if (!entry) return;
    const auto slash = main.rfind('/');
    const auto base = slash == std::string::npos ? std::string() : main.substr(0, slash + 1);
    const Node include = entry->value; // a copy, because merging below moves entries
    if (include.kind != Node::Kind::sequence)
        return context_.fail(include.mark, "include", "expected a list ([conf.d/*.yaml])");
    for (const auto& item : include.items) follow_include(item, base);
}

// Reads the files of one include. A relative pattern is resolved against `base`, the directory of the main file.
void MergedFile::follow_include(const Node& item, const std::string& base) {
    const auto fail = [&](std::string message) { context_.fail(item.mark, "include", std::move(message)); };
    if (item.kind != Node::Kind::scalar) return fail("expected a file or a pattern of files");
    const auto expanded = expand(item.text, context_.lookup);
    if (!expanded) return fail(expanded.error().message());
    const bool absolute = expanded->text.starts_with("/");
    const auto pattern = absolute ? expanded->text : base + expanded->text;
    loaded_.watched.push_back(pattern);
    const auto files = reader_.find(pattern);
    if (!files) return fail(files.error().message());
    if (files->empty() && !is_pattern(pattern)) fail("there is no file " + (absolute ? "" : base) + item.text);
    for (const auto& file : *files) merge(file);
}

void MergedFile::merge(const std::string& path) {
    const auto index = loaded_.files.size();
    const auto text = read(path);
    if (!text) return;
    auto part = parse(*text, index, path);
    if (part.kind != Node::Kind::map && part.kind != Node::Kind::null)
        return context_.fail(part.mark, "", "expected a mapping (key: value) at the top");
    for (auto& entry : part.entries) {
        auto* mine = root_.find(entry.key);
        if (entry.key == "include") context_.fail(entry.mark, "include", "only the main file can include others");
        else if (!mine) root_.entries.push_back(std::move(entry));
        else merge_entry(*mine, std::move(entry));
    }
}

// Listeners, pools and routes are merged across files; any other section may appear in only one of them.
void MergedFile::merge_entry(Node::Entry& mine, Node::Entry other) {
    const bool adds_up = mine.key == "listeners" || mine.key == "pools" || mine.key == "routes";
    if (!adds_up || mine.value.kind != other.value.kind)
        return context_.fail(other.mark, mine.key, "is already defined in " + loaded_.files[mine.mark.file]);
    for (auto& item : other.value.items) mine.value.items.push_back(std::move(item));
    for (auto& item : other.value.entries) {
        if (const auto* first = mine.value.find(item.key))
            context_.fail(item.mark, mine.key + "." + item.key,
                          "is already defined in " + loaded_.files[first->mark.file]);
        else mine.value.entries.push_back(std::move(item));
    }
}

} // namespace weir::conf
