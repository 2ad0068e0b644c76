#include "health/rules/heartbeat.h"
#include "health/rules/thresholds.h"
#include "tests/catch.h"

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

using namespace weir::health;
using namespace std::chrono_literals;
using Duration = Heartbeat::Duration;
using TimePoint = Heartbeat::TimePoint;

namespace {

// Several weirs and one responder, which takes one connection at a time and sleeps after each answer, in virtual time.
class Simulation {
public:
    struct Weir {
        Weir(Duration interval, std::uint32_t fall, TimePoint now, double phase)
            : heartbeat(interval, fall, now, phase) {}
        Heartbeat heartbeat;
        bool outstanding = false;
        std::uint32_t answers = 0, ejections = 0;
    };

    Simulation(std::size_t count, Duration interval, std::uint32_t fall, Duration pause, unsigned seed)
        : pause_(pause), random_(seed) {
        for (std::size_t i = 0; i < count; ++i) weirs.emplace_back(interval, fall, now_, roll());
    }

    void run(Duration time) {
        for (const auto end = now_ + time; now_ < end; now_ += 1ms) {
            for (std::size_t i = 0; i < weirs.size(); ++i) ask(i);
            if (!queue_.empty() && now_ >= ready_) answer();
            for (auto& weir : weirs)
                if (now_ == weir.heartbeat.silence().deadline()) ++weir.ejections;
        }
    }

    std::vector<Weir> weirs;

private:
    double roll() { return std::uniform_real_distribution<double>(0, 1)(random_); }

    void ask(std::size_t i) {
        auto& weir = weirs[i];
        if (weir.outstanding || now_ < weir.heartbeat.next()) return;
        weir.heartbeat.ask(now_);
        weir.outstanding = true;
        queue_.push_back(i);
    }

    void answer() {
        auto& weir = weirs[queue_.front()];
        queue_.pop_front();
        weir.outstanding = false;
        ++weir.answers;
        weir.heartbeat.take_ok(now_, roll());
        ready_ = now_ + pause_;
    }

    const Duration pause_;
    std::mt19937 random_;
    TimePoint now_{1h}, ready_{1h};
    std::deque<std::size_t> queue_;
};

} // namespace

TEST_CASE("a responder that pauses 5 s after each answer is up for hours") {
    // This holds for one weir, and for several that ask it in turn.
    struct Row {
        Duration interval;
        std::uint32_t fall;
        std::size_t weirs;
        Duration pause;
    };
    for (const auto& row : std::vector<Row>{{5s, 3, 1, 5s},
                                            {5s, 3, 2, 5s},
                                            {6s, 3, 1, 5s},
                                            {6s, 3, 2, 5s},
                                            {1s, 12, 1, 5s},
                                            {1s, 12, 2, 5s},
                                            {1s, 3, 2, 1s},
                                            {5s, 4, 3, 5s}, // 1.05 × 5 s + 2 × 5 s
                                            {2s, 1, 1, 0ms}}) {
        for (unsigned seed = 1; seed <= 5; ++seed) {
            Simulation simulation(row.weirs, row.interval, row.fall, row.pause, seed);
            simulation.run(2h);
            for (const auto& weir : simulation.weirs) {
                INFO(row.interval.count() << " ms × " << row.fall << ", weirs " << row.weirs << ", seed " << seed);
                CHECK(weir.ejections == 0);
                CHECK(weir.answers > 400);
            }
        }
    }
}

TEST_CASE("an answer later than interval × fall does not count as alive") {
    Simulation simulation(1, 1s, 3, 5s, 1);
    simulation.run(1min);
    CHECK(simulation.weirs[0].ejections >= 10); // one after each answer
    CHECK(simulation.weirs[0].heartbeat.silence().slow_pace() == 5s);
}

TEST_CASE("a responder killed after an OK is out within interval × fall") {
    // It is found by refused connections or by the deadline.
    for (const std::uint32_t fall : {1u, 2u, 3u, 10u}) {
        for (double jitter = 0; jitter <= 1; jitter += 0.25) {
            const TimePoint start{1h};
            Heartbeat heartbeat(1s, fall, start, 0.5);
            heartbeat.ask(heartbeat.next());
            const auto ok = heartbeat.next() + 1ms;
            heartbeat.take_ok(ok, jitter);
            std::uint32_t missed = 0;
            while (missed < fall && heartbeat.next() < heartbeat.silence().deadline()) {
                heartbeat.ask(heartbeat.next());
                heartbeat.take_miss(heartbeat.next(), jitter);
                ++missed;
            }
            INFO("fall " << fall << ", jitter " << jitter);
            CHECK(missed >= fall - 1);
            CHECK(heartbeat.silence().deadline() == ok + fall * 1s);
        }
    }
}

TEST_CASE("a restart under an outstanding heartbeat is one missed beat") {
    // After that, the responder has one interval to come back.
    const TimePoint start{1h};
    Heartbeat heartbeat(5s, 3, start, 0.5);
    heartbeat.ask(start);
    heartbeat.take_miss(start + 9s, 0.5); // the connection is reset
    CHECK(heartbeat.next() == start + 14s);
    CHECK(heartbeat.silence().deadline() == start + 15s);
}

TEST_CASE("a heartbeat that gets no connection is not missed, only repeated") {
    // It is sent again an interval later.
    const TimePoint start{1h};
    Heartbeat heartbeat(5s, 3, start, 0.5);
    heartbeat.ask(start);
    heartbeat.take_nothing(start + 2s, 0.5);
    CHECK(heartbeat.next() == start + 5s);
    CHECK(heartbeat.silence().deadline() == start + 15s);
    heartbeat.ask(start + 5s);
    heartbeat.take_shortage(start + 5s, 0.5); // this machine could not send, so the responder was not silent
    CHECK(heartbeat.silence().deadline() == start + 20s);
}

TEST_CASE("the next heartbeat follows an interval after the answer") {
    // The interval has a jitter of 5%, however late the answer was.
    const TimePoint start{1h};
    for (const Duration took : {Duration(1ms), Duration(5s), Duration(14s)}) {
        Heartbeat heartbeat(5s, 3, start, 0.5);
        Duration least = 1h, most = 0s;
        auto now = start;
        for (int i = 0; i < 100; ++i) {
            heartbeat.ask(now);
            now += took;
            heartbeat.take_ok(now, (i % 11) / 10.0);
            const auto pause = std::chrono::duration_cast<Duration>(heartbeat.next() - now);
            least = std::min(least, pause), most = std::max(most, pause);
            now = heartbeat.next();
        }
        CHECK(least == 4750ms);
        CHECK(most == 5250ms);
    }
}

TEST_CASE("heartbeats to 1000 backends spread over the interval after a start") {
    // No heartbeat is sent early.
    for (const auto interval : {1000ms, 2000ms, 5000ms}) {
        std::mt19937 random(7);
        std::uniform_real_distribution<double> roll(0, 1);
        std::vector<int> asked(120);
        for (int i = 0; i < 1000; ++i) {
            const TimePoint start{0s};
            Heartbeat heartbeat(interval, 3, start, i / 1000.0);
            CHECK(heartbeat.next() <= start + 1s);
            while (heartbeat.next() < start + 120s) {
                const auto now = heartbeat.next();
                ++asked[static_cast<std::size_t>(now.time_since_epoch() / 1s)];
                heartbeat.ask(now);
                heartbeat.take_ok(now, roll(random));
                REQUIRE(heartbeat.next() - now >= interval * 95 / 100);
            }
        }
        const double mean = 1000.0 * 1000 / static_cast<double>(interval.count());
        INFO("interval " << interval.count());
        for (std::size_t second = 60; second < 120; ++second) CHECK(asked[second] <= 1.25 * mean);
    }
}
