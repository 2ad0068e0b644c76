#include "proxy/reload/next_config.h"

#include "proxy/reload/lock_move.h"

#include <filesystem>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Identifies one reading of the files. The hash alone does not, because an unreadable file adds nothing to it.
std::string mark_of(const conf::Loaded& loaded) {
    auto mark = loaded.hash + "\n" + loaded.certificates_hash;
    for (const auto& file : loaded.sources) mark += "\n" + file.path + ":" + std::to_string(file.text.size());
    for (const auto& error : loaded.errors) mark += "\n" + error.text();
    return mark;
}

// Whether two paths name the same file, compared as text only.
bool is_same_path(const std::string& a, const std::string& b) {
    const auto whole = [](const std::string& path) {
        std::error_code error;
        return std::filesystem::absolute(path, error).lexically_normal();
    };
    return whole(a) == whole(b);
}

} // namespace

NextConfig::NextConfig(const Runtime& runtime, FleetAgent& fleet, std::string path, ConfigFiles& files)
    : runtime_(runtime), fleet_(fleet), files_(files), reader_(fleet, std::move(path), files) {}

conf::ConfigSource NextConfig::source() const {
    return runtime_.snapshot() ? runtime_.snapshot()->config.reload.source : conf::ConfigSource::file;
}

void NextConfig::mark_seen(const conf::Loaded& loaded) { seen_ = mark_of(loaded); }

bool NextConfig::has_seen(const conf::Loaded& loaded) const { return mark_of(loaded) == seen_; }

asio::awaitable<conf::Loaded> NextConfig::load(Force force) {
    read_from_ = source();
    auto loaded = co_await reader_.load(read_from_);
    if (force == Force::no || read_from_ == conf::ConfigSource::file || !loaded.hash.empty()) co_return loaded;
    auto own = co_await reader_.load(conf::ConfigSource::file);
    if (!moves_lock(runtime_.snapshot()->config, own)) co_return loaded;
    read_from_ = conf::ConfigSource::file;
    co_return own;
}

asio::awaitable<conf::Loaded> NextConfig::load_again(conf::Loaded known) {
    return reader_.load_again(read_from_, std::move(known));
}

asio::awaitable<conf::Loaded> NextConfig::read(std::vector<conf::SourceFile> files) {
    return reader_.read(std::move(files));
}

asio::awaitable<conf::Loaded> NextConfig::read_for_preview(std::vector<conf::SourceFile> files) {
    if (files.empty()) co_return co_await peek();
    if (is_same_path(files[0].path, path())) {
        auto own = co_await reader_.peek(conf::ConfigSource::file);
        // Another machine may have a different file at the same path.
        if (!own.sources.empty() && own.sources[0].text == files[0].text) co_return own;
    }
    co_return co_await read(std::move(files));
}

} // namespace weir::proxy
