// Reads the next configuration, from the source that the configuration in force names: the files or the fleet.
//
// Remembers which files were judged last, so that a trigger without a change can be recognized.
//
// Thread: the control thread; one other thread reads files.
// Lifetime: the constructor's arguments must outlive it.
#pragma once

#include "conf/read/load.h"
#include "proxy/fleet/fleet_agent.h"
#include "proxy/reload/config_reader.h"
#include "proxy/reload/force.h"
#include "proxy/runtime/runtime.h"

#include <boost/asio/awaitable.hpp>

#include <map>
#include <string>
#include <vector>

namespace weir::proxy {

class NextConfig {
public:
    // Passes the files to watch to `files` after each load.
    NextConfig(const Runtime& runtime, FleetAgent& fleet, std::string path, ConfigFiles& files);

    // Loads the next configuration. If the fleet is the source but unreachable, an operator may force a change to this
    // machine's own file, provided that it names other lock servers.
    boost::asio::awaitable<conf::Loaded> load(Force force);
    // Returns `known` if nothing has changed since it was loaded, or while a program is writing the files.
    boost::asio::awaitable<conf::Loaded> load_again(conf::Loaded known);
    // Like `load`, but changes no state.
    boost::asio::awaitable<conf::Loaded> peek() { return reader_.peek(source()); }
    // Parses a configuration given as texts, in this machine's environment.
    boost::asio::awaitable<conf::Loaded> read(std::vector<conf::SourceFile> files);
    // Like read(), but if the texts are this machine's own file, or if `files` is empty, reads the files on disk, with
    // includes resolved in this process's environment.
    boost::asio::awaitable<conf::Loaded> read_for_preview(std::vector<conf::SourceFile> files);

    // Watches the files of a configuration that was read elsewhere.
    void watch(const conf::Loaded& loaded);
    // Watches the files that the configuration in force names, in addition to those that were loaded last: a
    // certificate or a password may be renewed while the configuration on disk is refused.
    void watch_in_force() const;
    // How the files that the configuration in force names differ from what was read for it.
    enum class TlsFiles { unchanged, changed, rejected };
    enum class OtherFiles { unchanged, changed }; // pages and users
    struct FileStates {
        TlsFiles tls = TlsFiles::unchanged;
        OtherFiles others = OtherFiles::unchanged;
    };
    // Compares them. `rejected`: a TLS file that has changed has one of the `rejected` hashes.
    boost::asio::awaitable<FileStates> compare_files(conf::FileHashes rejected);
    // Records that these files, with all their errors, were judged.
    void mark_seen(const conf::Loaded& loaded);
    // Returns true if these files, with all their errors, are the ones that were judged last.
    bool has_seen(const conf::Loaded& loaded) const;

    bool takes_from_fleet() const { return source() == conf::ConfigSource::fleet; }
    // Returns true if changed files are reloaded automatically.
    bool watches_files() const { return runtime_.snapshot() && runtime_.snapshot()->config.reload.watch; }
    // Returns true if the configuration was pushed to the fleet. The fleet agent repeats it until it is settled.
    bool is_repeated_by_fleet() const { return takes_from_fleet() && pushed().number > 0; }
    // Returns true if the newest pushed version differs from the one that was read last.
    bool has_newer_push() const { return takes_from_fleet() && !pushed().is_same(fleet_.newest()); }
    // Returns the pushed version that was read last; its number is 0 if there is none.
    const lock::FleetVersion& pushed() const { return reader_.pushed(); }
    const std::string& path() const { return reader_.path(); }
    const ConfigFiles& files() const { return files_; }
    BlockingThread& disk() { return reader_.disk(); }

private:
    conf::ConfigSource source() const;

    const Runtime& runtime_;
    FleetAgent& fleet_;
    ConfigFiles& files_;
    ConfigReader reader_;
    conf::ConfigSource read_from_ = conf::ConfigSource::file; // source of the last load
    std::string seen_;                                        // identifies the files that were judged last
    std::vector<std::string> watched_;                        // files of the configuration that was loaded last
};

} // namespace weir::proxy
