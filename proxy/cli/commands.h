// The commands of the program. Each prints for people and returns the exit code: 0 done, 1 refused or failed, 2 usage,
// 3 a drain that timed out.
//
// Thread: the main thread.
// Lifetime: each runs to its end.
#pragma once

#include "proxy/changer.h"

#include <chrono>
#include <string>
#include <vector>

namespace weir::proxy::cli {

// Where a command finds the running process: --admin, or the admin section of a file.
struct Target {
    std::string config, admin, token_file;
};

enum class Output { text, json };
enum class WaitFor { nothing, verdict };

// How `run` begins.
struct Start {
    std::string config, state_dir;
    bool last_good = false; // where the file is bad, from the last configuration that worked
    bool force = false;     // although the file is known to be bad
};

int run(const Start& start);
int check(const std::string& config);
int plan(const Target& target, Output output);
int reload(const Target& target, WaitFor wait, Insist insist);
int status(const Target& target, Output output);

// `backend` is POOL/BACKEND; `query` says what is to change: "state=drain", "weight=3", "state=file&weight=file".
int change_backend(const Target& target, const std::string& backend, const std::string& query);

enum class Follow { no, yes };
enum class Asked { no, yes }; // whether the operator has said already that it is meant
int fleet_status(const Target& target, Output output, Follow follow);
int fleet_break_lock(const Target& target, const std::string& why, Asked asked);
int fleet_forgive(const Target& target, const std::string& hash);
enum class Push { and_watch, and_leave, dry }; // dry: only to see what it would change
int fleet_push(const Target& target, const std::string& file, Push push);
int fleet_rollback(const Target& target, Push push);
// Until every machine is through with a change: this one, or the last.
int fleet_follow(const Target& target, std::string hash);
int schema();
int heartbeat(const std::string& listen);

// What `beat` sends, and to whom.
struct BeatOptions {
    std::vector<std::string> to;
    std::string pool, backend, token_file, check;
    std::chrono::milliseconds interval{1000};
    std::uint32_t weight = 0;
    bool drain = false, once = false;
};

int beat(const BeatOptions& options);

enum class DemoEnd { stay_up, end_by_itself };
int demo(DemoEnd end);
int demo_backend(const std::string& name, const std::string& listen);

} // namespace weir::proxy::cli
