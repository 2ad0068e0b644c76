#include "conf/read/document.h"

#include <algorithm>
#include <sstream>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace weir::conf {
namespace {

constexpr std::size_t deepest = 32;
constexpr std::size_t largest = 4u << 20;
constexpr std::size_t max_flow_marks = 400'000; // yaml-cpp keeps all tokens of a flow document in memory
constexpr std::size_t max_nodes = 250'000;      // 10,000 backends with all keys need about 90,000
constexpr std::size_t max_problems = 100;

struct Noted {
    Mark mark;
    std::string path, reason;
};

// Thrown to stop the parser if the rest of the text cannot be understood, or would be too expensive to parse.
struct Refused {
    Mark mark;
    std::string reason;
};

class TreeBuilder final : public YAML::EventHandler {
public:
    explicit TreeBuilder(std::size_t file) : file_(file) {}

    Node take() { return std::move(root_); }
    const std::vector<Noted>& problems() const { return problems_; }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(mark, Node::Kind::null, {}); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        note(at(mark), "aliases (*name) are not allowed: write the value out");
        add(mark, Node::Kind::refused, {});
    }
    void OnAnchor(const YAML::Mark& mark, const std::string&) override {
        note(at(mark), "anchors (&name) are not allowed: write the value where it is used");
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
        refuse_tag(mark, tag);
        // In its events, yaml-cpp passes a plain `null` or `~` as text.
        const bool null = tag == "?" && (value.empty() || value == "~" || value == "null");
        add(mark, null && !expects_key() ? Node::Kind::null : Node::Kind::scalar, value);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, Node::Kind::sequence);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, Node::Kind::map);
    }
    void OnSequenceEnd() override { levels_.pop_back(); }
    void OnMapEnd() override { levels_.pop_back(); }

private:
    struct Level {
        Node* node;
        bool has_key = false;
        std::unordered_set<std::string> keys{};
    };

    Mark at(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
    bool expects_key() const {
        return !levels_.empty() && levels_.back().node->kind == Node::Kind::map && !levels_.back().has_key;
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (!tag.empty() && tag != "?" && tag != "!") note(at(mark), "tags (" + tag + ") are not allowed");
    }
    // Records an error after which parsing can continue.
    void note(Mark mark, std::string reason) {
        if (problems_.size() == max_problems)
            throw Refused{mark, "too many errors of this kind; the rest of the file was not read"};
        problems_.push_back({mark, path(), std::move(reason)});
    }
    // Returns the path of the current position: "pools.web.backends[1]".
    std::string path() const {
        std::string out;
        for (std::size_t i = 0; i < levels_.size(); ++i) {
            const auto& level = levels_[i];
            const bool inner = i + 1 < levels_.size(); // the current value belongs to the last entry
            if (level.node->kind == Node::Kind::sequence)
                out += "[" + std::to_string(level.node->items.size() - inner) + "]";
            else if (inner || level.has_key) out += (out.empty() ? "" : ".") + level.node->entries.back().key;
        }
        return out;
    }
    void open(const YAML::Mark& mark, const std::string& tag, Node::Kind kind) {
        refuse_tag(mark, tag);
        if (levels_.size() >= deepest)
            throw Refused{at(mark), "nested deeper than " + std::to_string(deepest) + " levels"};
        Node* node = add(mark, kind, {});
        levels_.push_back({node});
    }
    Node* add(const YAML::Mark& mark, Node::Kind kind, const std::string& text) {
        if (++count_ > max_nodes) throw Refused{at(mark), "more than 250,000 values"};
        Node node{kind, at(mark), text, {}, {}};
        if (levels_.empty()) return &(root_ = std::move(node));
        Level& level = levels_.back();
        if (level.node->kind == Node::Kind::sequence) return &level.node->items.emplace_back(std::move(node));
        if (!level.has_key) return add_key(level, std::move(node));
        level.has_key = false;
        return &(level.node->entries.back().value = std::move(node));
    }
    Node* add_key(Level& level, Node node) {
        if (node.kind != Node::Kind::scalar) throw Refused{node.mark, "a key must be a plain word"};
        if (node.text == "<<") note(node.mark, "merges (<<) are not allowed: write the keys out");
        else if (!level.keys.insert(node.text).second) note(node.mark, "duplicate key \"" + node.text + "\"");
        level.has_key = true;
        level.node->entries.push_back({node.text, node.mark, {}});
        return nullptr;
    }

    std::size_t file_, count_ = 0;
    Node root_;
    std::vector<Level> levels_;
    std::vector<Noted> problems_;
};

// Returns the position of the first byte that a configuration must not contain, or npos.
std::size_t find_control_byte(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) return i;
    }
    return std::string_view::npos;
}

// Returns the position at which brackets are nested too deeply, or at which there are too many brackets and commas;
// npos if there is none. It only protects the parser, so it ignores quotes; realistic files stay far below the limits.
std::size_t find_flow_abuse(std::string_view text) {
    std::size_t depth = 0, marks = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '[' || c == '{') ++depth;
        else if ((c == ']' || c == '}') && depth > 0) --depth;
        else if (c != ',') continue;
        if (depth > 2 * deepest || ++marks > max_flow_marks) return i;
    }
    return std::string_view::npos;
}

Mark mark_of(std::string_view text, std::size_t at, std::size_t file) {
    const auto before = text.substr(0, at);
    const auto start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return {file, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
            static_cast<int>(at - start) + 1};
}

} // namespace

const Node::Entry* Node::find(std::string_view key) const {
    const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
    return it == entries.end() ? nullptr : &*it;
}

Node::Entry* Node::find(std::string_view key) {
    const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
    return it == entries.end() ? nullptr : &*it;
}

std::optional<Node> parse_document(std::string_view text, std::size_t file, const std::string& name, Errors& errors) {
    const auto fail = [&](Mark mark, std::string reason) {
        errors.push_back({name, mark.line, mark.column, "", std::move(reason)});
        return std::nullopt;
    };
    if (text.size() > largest) return fail({}, "larger than 4 MiB");
    if (const auto bad = find_control_byte(text); bad != std::string_view::npos) {
        constexpr std::string_view digits = "0123456789abcdef";
        return fail(mark_of(text, bad, file), std::string("control character 0x") + digits[(text[bad] >> 4) & 15] +
                                                  digits[text[bad] & 15] + " (is this a text file?)");
    }
    if (const auto abuse = find_flow_abuse(text); abuse != std::string_view::npos)
        return fail(mark_of(text, abuse, file),
                    "brackets nested deeper than " + std::to_string(deepest) + " levels, or too many");
    TreeBuilder builder(file), rest(file);
    std::optional<Refused> stopped;
    try {
        std::istringstream in{std::string(text)};
        YAML::Parser parser(in);
        parser.HandleNextDocument(builder);
        if (parser.HandleNextDocument(rest))
            stopped = {{file, 1, 1}, "contains more than one YAML document (---); keep only one"};
    } catch (const Refused& refused) {
        stopped = refused;
    } catch (const YAML::Exception& e) {
        stopped = {{file, std::max(e.mark.line, 0) + 1, std::max(e.mark.column, 0) + 1}, "not valid YAML: " + e.msg};
    }
    for (const auto& problem : builder.problems())
        errors.push_back({name, problem.mark.line, problem.mark.column, problem.path, problem.reason});
    if (stopped) return fail(stopped->mark, stopped->reason);
    return builder.take();
}

} // namespace weir::conf
