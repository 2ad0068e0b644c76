// Reads a main file and its includes into one tree of nodes. Errors go to the context.
//
// Thread: any one thread; blocks on the disk.
// Lifetime: the reader, the context and `loaded` must outlive it.
#pragma once

#include "conf/read/load.h"
#include "conf/read/source_reader.h"

#include <optional>
#include <string>
#include <string_view>

namespace weir::conf {

class MergedFile {
public:
    // Fills in `files`, `watched` and `sources` of `loaded`.
    MergedFile(const SourceReader& reader, BindContext& context, Loaded& loaded)
        : reader_(reader), context_(context), loaded_(loaded) {}

    // Reads the main file and its includes.
    void read_main(const std::string& path);
    // Reads one text, which must not contain `include`.
    void read_text(std::string_view text, const std::string& name);

    const Node& root() const { return root_; }          // without "include"
    const std::string& bytes() const { return bytes_; } // of all files, in order
    bool is_readable() const { return readable_; }      // every file was read and parsed to its end

private:
    std::optional<std::string> read(const std::string& path);
    Node parse(std::string_view text, std::size_t file, const std::string& name);
    void follow_includes(const std::string& main);
    void follow_include(const Node& item, const std::string& base);
    void merge(const std::string& path);
    void merge_entry(Node::Entry& mine, Node::Entry other);
    void forget_include();

    const SourceReader& reader_;
    BindContext& context_;
    Loaded& loaded_;
    Node root_;
    std::string bytes_;
    bool readable_ = true;
};

} // namespace weir::conf
