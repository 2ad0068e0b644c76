// The commands of the program. Each command prints its result and returns the exit code of the program.
//
// Thread: the main thread.
// Lifetime: each runs to its end.
#pragma once

#include "proxy/process/exit_code.h"
#include "proxy/reload/force.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace weir::proxy::cli {

inline constexpr const char* default_config = "/etc/weir/weir.yaml";

// How a command finds the running process: by --admin, or by the admin section of a configuration file.
struct Target {
    std::string config, admin, token_file, ca;        // empty config: default_config
    std::optional<std::chrono::milliseconds> timeout; // per request; unset: the command's default
};

enum class Output { text, json };
enum class WaitFor { nothing, verdict };

// The options of `run`.
struct Start {
    std::string config = default_config, state_dir;
    bool last_good = false; // start from the last good configuration if the file is invalid
    bool force = false;     // start even if the configuration is on the denylist
};

ExitCode run(const Start& start);
ExitCode check(const std::string& config);
ExitCode plan(const Target& target, Output output);
ExitCode reload(const Target& target, WaitFor wait, Force force);
// Ends the open canary window and rolls the change back.
ExitCode abort_reload(const Target& target);
// Prints the status. If `interval` is set, repeats this until interrupted.
ExitCode status(const Target& target, Output output, std::optional<std::chrono::milliseconds> interval);

// `backend` is POOL/BACKEND; `query` is the change, such as "state=drain", "weight=3" or "state=file&weight=file".
ExitCode change_backend(const Target& target, const std::string& backend, const std::string& query);

enum class Asked { no, yes }; // whether the operator has already confirmed
ExitCode fleet_status(const Target& target, Output output, std::optional<std::chrono::milliseconds> interval);
ExitCode fleet_break_lock(const Target& target, const std::string& reason, Asked asked);
ExitCode fleet_unban(const Target& target, const std::string& hash);
enum class Push { and_watch, and_leave, dry }; // dry: only show the changes
ExitCode fleet_push(const Target& target, const std::string& file, Push push);
ExitCode fleet_rollback(const Target& target, Push push);
// Reports progress until every machine has finished a change: the change with this hash, or the last change if `hash`
// is empty.
ExitCode fleet_follow(const Target& target, std::string hash);
ExitCode schema();
ExitCode heartbeat(const std::string& listen);

// The options of `beat`.
struct BeatOptions {
    std::vector<std::string> to;
    std::string pool, backend, token_file, check, ca;
    std::chrono::milliseconds interval{1000};
    std::uint32_t weight = 0;
    bool drain = false, once = false;
};

ExitCode beat(const BeatOptions& options);

enum class DemoEnd { stay_up, end_by_itself };
ExitCode demo(DemoEnd end);
ExitCode demo_backend(const std::string& name, const std::string& listen);

} // namespace weir::proxy::cli
