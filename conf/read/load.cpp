#include "conf/read/load.h"

#include "conf/base/glob_paths.h"
#include "conf/base/hash.h"
#include "conf/read/merged_file.h"
#include "conf/read/named_files.h"
#include "conf/read/validate.h"

#include <algorithm>
#include <tuple>

namespace weir::conf {
namespace {

// Checks reload.lock.member. The fleet identifies configurations by the hash of their files, so every machine must have
// the same text, but a different name.
void check_member(const Node& root, const Config& config, BindContext& context) {
    const auto& lock = config.reload.lock;
    const auto* reload = root.find("reload");
    const auto* terms = reload ? reload->value.find("lock") : nullptr;
    const auto* member = terms ? terms->value.find("member") : nullptr;
    if (!member || lock.type == LockType::local) return;
    constexpr const char* path = "reload.lock.member";
    const auto& written = member->value.text;
    const auto& substitutions = config.substitutions;
    const bool has_variable = written.find("${") != std::string::npos;
    const bool is_from_environment =
        std::any_of(substitutions.begin(), substitutions.end(), [&](const auto& s) { return s.path == path; });
    if (!has_variable)
        context.fail(member->value.mark, path,
                     "\"" + written +
                         "\" would make this file different on each machine, so a change "
                         "that one machine rolls back would run on the others; write \"${NAME}\", from the "
                         "environment, or leave it out: the host name is the default");
    else if (!is_from_environment && !lock.member.empty())
        context.fail(member->value.mark, path,
                     "the variables of \"" + written + "\" are not set, and the default \"" + lock.member +
                         "\" is no machine's own name: set them, or write \"${NAME:-}\", which stands for the "
                         "host name if NAME is not set");
}

void bind(const Node& root, Loaded& loaded, BindContext& context) {
    if (root.kind == Node::Kind::null)
        return context.fail({0, 1, 1}, "", "the file is empty: it needs at least listeners and pools");
    Binder::bind(context, root, "", loaded.config);
    validate(loaded.config, context);
    loaded.config.substitutions = std::move(context.substitutions);
    check_member(root, loaded.config, context);
}

// Sorts the errors by their position, and appends the number of errors that were left out.
void tidy_errors(Loaded& loaded, std::size_t left_out) {
    auto& errors = loaded.errors;
    const auto rank = [&](const ConfigError& e) {
        const auto at = std::find(loaded.files.begin(), loaded.files.end(), e.file);
        return std::tuple(at - loaded.files.begin(), e.line, e.column);
    };
    std::stable_sort(errors.begin(), errors.end(),
                     [&](const ConfigError& a, const ConfigError& b) { return rank(a) < rank(b); });
    if (left_out > 0) errors.push_back({loaded.files[0], 0, 0, "", "and " + std::to_string(left_out) + " more errors"});
}

// Calls `read` to fill a MergedFile, and turns the tree into a configuration.
template <class Read> Loaded load_with(const SourceReader& reader, const Lookup& lookup, Read read) {
    Loaded loaded;
    Positions positions;
    BindContext context{loaded.files, lookup, loaded.errors, positions};
    MergedFile file(reader, context, loaded);
    read(file);
    loaded.hash = sha256_hex(file.bytes());
    // After a syntax error, missing keys would only be follow-up errors.
    if (file.is_readable()) bind(file.root(), loaded, context);
    tidy_errors(loaded, context.left_out);
    loaded.positions = std::move(positions);
    return loaded;
}

// Changes of these files must be noticed. They are read again when the configuration is applied.
void watch_named_files(Loaded& loaded) {
    const auto files = named_files(loaded.config);
    loaded.watched.insert(loaded.watched.end(), files.begin(), files.end());
    loaded.named_files_hash = hash_named_files(loaded.config);
}

} // namespace

ConfigError Loaded::place(const Problem& problem) const {
    const auto mark = find_place(positions, problem.path);
    return {files.at(mark.file), mark.line, mark.column, problem.path, redact(problem.reason, config.substitutions)};
}

Loaded load(const std::string& path, const Lookup& lookup) {
    auto loaded = load_with(SourceReader(), lookup, [&](MergedFile& file) { file.read_main(path); });
    watch_named_files(loaded);
    return loaded;
}

Loaded load_again(Loaded known, const Lookup& lookup) {
    const SourceReader reader;
    std::vector<std::string> files{known.files.at(0)};
    const auto named = named_files(known.config);
    bool same = known.ok() && known.is_read_whole();
    for (std::size_t i = 1; i < known.watched.size(); ++i) { // the include patterns and the files that they matched
        if (!is_pattern(known.watched[i]) || std::count(named.begin(), named.end(), known.watched[i]) > 0) continue;
        const auto found = reader.find(known.watched[i]);
        same = same && found;
        if (found) files.insert(files.end(), found->begin(), found->end());
    }
    for (const auto& source : known.sources) {
        const auto text = same ? reader.read(source.path) : Result<std::string>();
        same = same && text && *text == source.text;
    }
    for (const auto& file : files) same = same && std::count(known.files.begin(), known.files.end(), file) == 1;
    same = same && hash_named_files(known.config) == known.named_files_hash;
    return same ? known : load(known.files[0], lookup);
}

Loaded load_sources(const std::vector<SourceFile>& files, const Lookup& lookup) {
    auto loaded = load_with(SourceReader(&files), lookup, [&](MergedFile& file) { file.read_main(files.at(0).path); });
    loaded.watched.clear(); // the texts are in memory; only the files that they name can change
    watch_named_files(loaded);
    return loaded;
}

Loaded load_text(std::string_view text, const std::string& name, const Lookup& lookup) {
    return load_with(SourceReader(), lookup, [&](MergedFile& file) { file.read_text(text, name); });
}

} // namespace weir::conf
