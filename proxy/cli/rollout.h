// Follows a change through a fleet by comparing successive fleet states: which machines run it, which refuse it, and
// whether it was rolled back.
//
// Thread: values.
// Lifetime: owns what it holds.
#pragma once

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace weir::proxy::cli {

class Rollout {
public:
    // One machine that has finished the change.
    struct Step {
        std::size_t number = 0, of = 0; // position and total, as in 3 of 12
        std::string member, verdict;    // "good", "bad" or "refused"
        std::string hash, reason;
        std::int64_t took_ms = 0;
    };

    // `version` is the number under which the change was pushed; 0 if it came from the machines' own files.
    Rollout(std::string hash, std::uint64_t version) : hash_(std::move(hash)), version_(version) {}

    // Returns the steps that are new in `fleet`, the fleet's state as the admin API reports it.
    std::vector<Step> look(const boost::json::object& fleet);

    bool is_over() const { return is_over_; }
    bool went_well() const { return is_over_ && failures_ == 0; } // every machine runs it
    const std::string& reason() const { return reason_; }         // the reason of a failure
    // Returns a description of the machine in progress, such as "lb-02 is watching".
    const std::string& waits_for() const { return waits_for_; }

private:
    void note(const boost::json::object& member, const boost::json::object& fleet, std::vector<Step>& steps);
    void count_departed();
    std::vector<boost::json::object> members_of(const boost::json::object& fleet) const;
    void end(std::string reason);
    std::int64_t time_of(const std::string& member, const boost::json::object& fleet) const;

    const std::string hash_;
    const std::uint64_t version_;
    std::set<std::string> done_, seen_; // machines that have finished; machines that were seen
    std::size_t failures_ = 0, of_ = 0;
    bool is_over_ = false;
    std::string waits_for_, reason_;
};

// Format a step as "[3/12] lb-04 good a1b2c3d4e5f6 in 1.2s", or as one line of JSON.
std::string to_text(const Rollout::Step& step);
std::string to_json_line(const Rollout::Step& step);

} // namespace weir::proxy::cli
