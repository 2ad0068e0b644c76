#include "proxy/reload/next_config.h"

#include "conf/read/named_files.h"
#include "conf/read/tls_contexts.h"
#include "proxy/reload/lock_move.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace weir::proxy {

namespace asio = boost::asio;

namespace {

// Identifies one reading of the files. The hash alone does not, because an unreadable file adds nothing to it.
std::string mark_of(const conf::Loaded& loaded) {
    auto mark = loaded.hash + "\n" + loaded.named_files_hash;
    for (const auto& file : loaded.sources) mark += "\n" + file.path + ":" + std::to_string(file.text.size());
    for (const auto& error : loaded.errors) mark += "\n" + error.text();
    return mark;
}

// The hashes of the TLS files, and those of pages and users.
using AllHashes = std::pair<conf::FileHashes, conf::FileHashes>;

asio::awaitable<AllHashes> hash_there(SnapshotPtr in_force) {
    co_return AllHashes(conf::hash_tls_files(in_force->config), conf::hash_pages_and_users(in_force->config));
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

void NextConfig::watch(const conf::Loaded& loaded) {
    if (!loaded.hash.empty()) watched_ = loaded.watched;
    watch_in_force();
}

void NextConfig::watch_in_force() const {
    auto all = watched_;
    if (runtime_.snapshot()) {
        const auto in_force = conf::named_files(runtime_.snapshot()->config);
        all.insert(all.end(), in_force.begin(), in_force.end());
    }
    files_.set_files(all);
}

asio::awaitable<NextConfig::FileStates> NextConfig::compare_files(conf::FileHashes rejected) {
    FileStates states;
    const auto in_force = runtime_.snapshot();
    const auto [now, others] =
        co_await asio::co_spawn(reader_.disk().executor(), hash_there(in_force), asio::use_awaitable);
    if (others != in_force->files.pages_and_users) states.others = OtherFiles::changed;
    const auto& read = in_force->files.tls.files;
    if (now == read) co_return states;
    const auto is_rejected = [&](const auto& file) {
        const auto before = read.find(file.first);
        const auto bad = rejected.find(file.first);
        const bool has_changed = before == read.end() || before->second != file.second;
        return has_changed && bad != rejected.end() && bad->second == file.second;
    };
    states.tls = std::any_of(now.begin(), now.end(), is_rejected) ? TlsFiles::rejected : TlsFiles::changed;
    co_return states;
}

conf::ConfigSource NextConfig::source() const {
    return runtime_.snapshot() ? runtime_.snapshot()->config.reload.source : conf::ConfigSource::file;
}

void NextConfig::mark_seen(const conf::Loaded& loaded) { seen_ = mark_of(loaded); }

bool NextConfig::has_seen(const conf::Loaded& loaded) const { return mark_of(loaded) == seen_; }

asio::awaitable<conf::Loaded> NextConfig::load(Force force) {
    read_from_ = source();
    auto loaded = co_await reader_.load(read_from_);
    watch(loaded);
    if (force == Force::no || read_from_ == conf::ConfigSource::file || !loaded.hash.empty()) co_return loaded;
    auto own = co_await reader_.load(conf::ConfigSource::file);
    if (!moves_lock(runtime_.snapshot()->config, own)) co_return loaded;
    read_from_ = conf::ConfigSource::file;
    watch(own);
    co_return own;
}

asio::awaitable<conf::Loaded> NextConfig::load_again(conf::Loaded known) {
    auto loaded = co_await reader_.load_again(read_from_, std::move(known));
    watch(loaded);
    co_return loaded;
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
