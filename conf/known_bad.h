// The configurations that made things worse and were rolled back, by their hash: they are refused until they change or
// somebody insists. Kept in `state_dir`, one line each: hash, Unix time, reason.
//
// Thread: one at a time; reading and saving block on the disk.
// Lifetime: owns what it holds.
#pragma once

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::conf {

struct BadConfig {
    std::string hash;
    std::int64_t since = 0; // Unix time
    std::string why;        // in one line
    bool operator==(const BadConfig&) const = default;
};

class KnownBad {
public:
    static constexpr std::size_t most = 100; // the oldest are forgotten

    // What is there; lines that make no sense are left out: a damaged list must not stop a start.
    static KnownBad read(const std::string& state_dir, boost::system::error_code& error);
    static KnownBad parse(std::string_view text);
    std::string text() const;
    boost::system::error_code save(const std::string& state_dir) const;

    const BadConfig* find(std::string_view hash) const;
    void add(BadConfig bad);
    bool forget(std::string_view hash); // whether it was there
    const std::vector<BadConfig>& all() const { return all_; }

private:
    std::vector<BadConfig> all_; // the oldest first
};

} // namespace weir::conf
