#include "conf/read/load.h"

#include "base/durable_file.h"
#include "conf/base/glob_paths.h"
#include "conf/base/hash.h"
#include "conf/read/validate.h"

#include <algorithm>
#include <iterator>

#include <fnmatch.h>
#include <sys/stat.h>

namespace weir::conf {
namespace {

constexpr std::size_t most_bytes = (4u << 20) + 1; // one byte more than the dialect's limit

// Reads one file, up to the dialect's limit. Refuses pipes and devices, because reading them could block.
std::optional<std::string> read_file(const std::string& path, std::string& why) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
        why = "not a regular file";
        return std::nullopt;
    }
    boost::system::error_code error;
    auto text = read_whole_file(path, error, most_bytes);
    if (!text) why = "cannot be read: " + error.message();
    return text;
}

class Loader {
public:
    // Reads from the disk, or only from `memory` if that is set.
    explicit Loader(const Lookup& lookup, const std::vector<SourceFile>* memory = nullptr)
        : lookup_(lookup), memory_(memory) {}

    void read_main(const std::string& path) {
        if (const auto text = read(path)) root_ = parse(*text, 0, path);
        follow_includes(path);
    }

    void read_text(std::string_view text, const std::string& name) {
        loaded_.files.push_back(name);
        bytes_.assign(text);
        root_ = parse(text, 0, name);
        if (const auto* include = root_.find("include"))
            context_.fail(include->mark, "include", "only a file can include others");
    }

    Loaded finish() {
        loaded_.hash = sha256_hex(bytes_);
        std::erase_if(root_.entries, [](const auto& e) { return e.key == "include"; });
        // After a syntax error, missing keys would only be follow-up errors.
        if (readable_) bind();
        tidy_errors();
        loaded_.positions = std::move(positions_);
        return std::move(loaded_);
    }

private:
    Node parse(std::string_view text, std::size_t file, const std::string& name) {
        auto node = parse_document(text, file, name, loaded_.errors);
        readable_ = readable_ && node;
        return node ? *std::move(node) : Node{};
    }

    std::optional<std::string> read(const std::string& path) {
        loaded_.files.push_back(path);
        loaded_.watched.push_back(path);
        std::string why;
        auto text = memory_ ? find_source(path, why) : read_file(path, why);
        if (text) loaded_.sources.push_back({path, *text});
        if (text) bytes_ += *text;
        else loaded_.errors.push_back({path, 0, 0, "", why});
        readable_ = readable_ && text;
        return text;
    }

    std::optional<std::string> find_source(const std::string& path, std::string& why) const {
        for (const auto& file : *memory_)
            if (file.path == path) return file.text;
        why = "was not kept";
        return std::nullopt;
    }

    std::vector<std::string> find_matching(const std::string& pattern, std::string& why) const {
        if (!memory_) return glob_paths(pattern, Matching::files, why);
        std::vector<std::string> found;
        for (const auto& file : *memory_)
            if (::fnmatch(pattern.c_str(), file.path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0)
                found.push_back(file.path);
        return found;
    }

    void follow_includes(const std::string& main) {
        const auto* entry = root_.find("include");
        if (!entry) return;
        const auto slash = main.rfind('/');
        const auto base = slash == std::string::npos ? std::string() : main.substr(0, slash + 1);
        const Node include = entry->value; // a copy, because merging below moves entries
        if (include.kind != Node::Kind::sequence)
            return context_.fail(include.mark, "include", "expected a list ([conf.d/*.yaml])");
        for (const auto& item : include.items) {
            std::string why = item.kind == Node::Kind::scalar ? "" : "expected a file or a pattern of files";
            const auto text = why.empty() ? expand(item.text, lookup_, why).text : std::string();
            if (!why.empty()) {
                context_.fail(item.mark, "include", why);
                continue;
            }
            const auto pattern = text.starts_with("/") ? text : base + text;
            loaded_.watched.push_back(pattern);
            const auto files = find_matching(pattern, why);
            if (!why.empty()) context_.fail(item.mark, "include", why);
            else if (files.empty() && !is_pattern(pattern))
                context_.fail(item.mark, "include",
                              "there is no file " + (text.starts_with("/") ? "" : base) + item.text);
            for (const auto& file : files) merge(file);
        }
    }

    void merge(const std::string& path) {
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
    void merge_entry(Node::Entry& mine, Node::Entry other) {
        const bool adds_up = mine.key == "listeners" || mine.key == "pools" || mine.key == "routes";
        if (!adds_up || mine.value.kind != other.value.kind)
            return context_.fail(other.mark, mine.key, "stands in " + loaded_.files[mine.mark.file] + " already");
        for (auto& item : other.value.items) mine.value.items.push_back(std::move(item));
        for (auto& item : other.value.entries) {
            if (const auto* first = mine.value.find(item.key))
                context_.fail(item.mark, mine.key + "." + item.key,
                              "stands in " + loaded_.files[first->mark.file] + " already");
            else mine.value.entries.push_back(std::move(item));
        }
    }

    void bind() {
        if (root_.kind == Node::Kind::null)
            return context_.fail({0, 1, 1}, "", "the file is empty: it needs at least listeners and pools");
        Binder::bind(context_, root_, "", loaded_.config);
        validate(loaded_.config, context_);
        loaded_.config.substitutions = std::move(context_.substitutions);
        check_member();
    }

    // The fleet identifies files by their hash, so the text must be the same on every machine, and names must differ.
    void check_member() {
        const auto& lock = loaded_.config.reload.lock;
        const auto* reload = root_.find("reload");
        const auto* terms = reload ? reload->value.find("lock") : nullptr;
        const auto* member = terms ? terms->value.find("member") : nullptr;
        if (!member || lock.type == LockType::local) return;
        constexpr const char* path = "reload.lock.member";
        const auto& written = member->value.text;
        const auto& substitutions = loaded_.config.substitutions;
        const bool has_variable = written.find("${") != std::string::npos;
        const bool is_from_environment =
            std::any_of(substitutions.begin(), substitutions.end(), [&](const auto& s) { return s.path == path; });
        if (!has_variable)
            context_.fail(member->value.mark, path,
                          "\"" + written +
                              "\" would make this file another one on each machine, and a change "
                              "that one machine rolls back would run on the others; write \"${NAME}\", from the "
                              "environment, or leave it out: the host name is the default");
        else if (!is_from_environment && !lock.member.empty())
            context_.fail(member->value.mark, path,
                          "the variables of \"" + written + "\" are not set, and the default \"" + lock.member +
                              "\" is no machine's own name: set them, or write \"${NAME:-}\", which stands for the "
                              "host name if NAME is not set");
    }

    void tidy_errors() {
        auto& errors = loaded_.errors;
        const auto rank = [&](const Error& e) {
            const auto at = std::find(loaded_.files.begin(), loaded_.files.end(), e.file);
            return std::tuple(at - loaded_.files.begin(), e.line, e.column);
        };
        std::stable_sort(errors.begin(), errors.end(),
                         [&](const Error& a, const Error& b) { return rank(a) < rank(b); });
        if (context_.left_out > 0)
            errors.push_back({loaded_.files[0], 0, 0, "", "and " + std::to_string(context_.left_out) + " more errors"});
    }

    const Lookup& lookup_;
    const std::vector<SourceFile>* memory_;
    Loaded loaded_;
    Node root_;
    std::string bytes_;
    bool readable_ = true; // every file was read and parsed to its end
    Positions positions_;
    BindContext context_{loaded_.files, lookup_, loaded_.errors, positions_};
};

} // namespace

Error Loaded::place(const Problem& problem) const {
    const auto mark = find_place(positions, problem.path);
    return {files.at(mark.file), mark.line, mark.column, problem.path, redact(problem.why, config.substitutions)};
}

Loaded load(const std::string& path, const Lookup& lookup) {
    Loader loader(lookup);
    loader.read_main(path);
    return loader.finish();
}

Loaded load_again(Loaded known, const Lookup& lookup) {
    std::string why;
    std::vector<std::string> files{known.files.at(0)};
    for (std::size_t i = 1; i < known.watched.size(); ++i) // the includes and the files that they led to
        if (is_pattern(known.watched[i]))
            for (auto& file : glob_paths(known.watched[i], Matching::files, why)) files.push_back(std::move(file));
    bool same = why.empty() && known.ok() && known.sources.size() == known.files.size();
    for (const auto& source : known.sources) same = same && read_file(source.path, why) == source.text;
    for (const auto& file : files) same = same && std::count(known.files.begin(), known.files.end(), file) == 1;
    return same ? known : load(known.files[0], lookup);
}

Loaded load_sources(const std::vector<SourceFile>& files, const Lookup& lookup) {
    Loader loader(lookup, &files);
    loader.read_main(files.at(0).path);
    auto loaded = loader.finish();
    loaded.watched.clear(); // no file change can affect it
    return loaded;
}

Loaded load_text(std::string_view text, const std::string& name, const Lookup& lookup) {
    Loader loader(lookup);
    loader.read_text(text, name);
    return loader.finish();
}

} // namespace weir::conf
