// A change on its way through a fleet, as it shows from one look at the fleet to the next: who has it, who refuses it,
// and whether it has been taken back.
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
    // One machine that is through with it.
    struct Step {
        std::size_t number = 0, of = 0; // the how manyth of how many machines
        std::string member, verdict;    // "good", "bad" or "refused"
        std::string hash, why;
        std::int64_t took_ms = 0;
    };

    // `version`: the number under which it was given to the fleet; 0: it came by the machines' own files.
    Rollout(std::string hash, std::uint64_t version) : hash_(std::move(hash)), version_(version) {}

    // What is new, by the fleet's state as the admin API tells it.
    std::vector<Step> look(const boost::json::object& fleet);

    bool is_over() const { return is_over_; }
    bool went_well() const { return is_over_ && failures_ == 0; } // every machine has it
    const std::string& why() const { return why_; }               // it has not gone well
    // Who is at it: "lb-02 is watching".
    const std::string& waits_for() const { return waits_for_; }

private:
    void note(const boost::json::object& member, const boost::json::object& fleet, std::vector<Step>& steps);
    std::vector<boost::json::object> members_of(const boost::json::object& fleet) const;
    void end(std::string why);
    std::int64_t time_of(const std::string& member, const boost::json::object& fleet) const;

    const std::string hash_;
    const std::uint64_t version_;
    std::set<std::string> done_;
    std::size_t failures_ = 0, of_ = 0;
    bool is_over_ = false;
    std::string waits_for_, why_;
};

// "[3/12] lb-04 good a1b2c3d4e5f6 in 1.2s", and the same as one line of JSON.
std::string to_text(const Rollout::Step& step);
std::string to_json_line(const Rollout::Step& step);

} // namespace weir::proxy::cli
