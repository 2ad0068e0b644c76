#include "balancer/pool.h"
#include "balancer/registry.h"
#include "tests/catch.h"

#include <map>

using namespace weir::balancer;
using weir::conf::Address;
using weir::conf::AdminState;

namespace {

const TimePoint start = TimePoint() + std::chrono::hours(1);

struct Fixture {
    Registry registry{1};
    std::vector<BackendPtr> backends;

    explicit Fixture(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            std::string why;
            backends.push_back(registry.find_or_make("p", "b" + std::to_string(i),
                                                     Address::parse("127.0.0.1:" + std::to_string(i + 1), why)));
            backends.back()->set_verdict(Verdict::up);
        }
    }
    Pool pool() const {
        std::vector<Member> members;
        for (const auto& backend : backends) members.push_back({backend});
        return Pool(weir::conf::Algorithm::round_robin, std::move(members));
    }
};

std::map<std::size_t, int> choose_many(Pool& pool, int count, TimePoint now = start) {
    std::map<std::size_t, int> got;
    for (int i = 0; i < count; ++i)
        if (const auto member = pool.choose({}, now)) ++got[*member];
    return got;
}

} // namespace

TEST_CASE("only healthy members are asked while there is one") {
    Fixture f(3);
    auto pool = f.pool();
    f.backends[1]->set_verdict(Verdict::down);
    f.backends[2]->set_verdict(Verdict::unknown);
    CHECK(choose_many(pool, 10) == std::map<std::size_t, int>{{0, 10}});
    f.backends[0]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10) == std::map<std::size_t, int>{{2, 10}}); // better an unknown one than none
    f.backends[2]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10).empty());
}

TEST_CASE("a drained member gets nothing, even alone") {
    Fixture f(2);
    Pool pool(weir::conf::Algorithm::round_robin,
              {{f.backends[0], 1, AdminState::drain}, {f.backends[1], 1, AdminState::maint}});
    CHECK_FALSE(pool.choose({}, start));
}

TEST_CASE("a member that was tried is not tried again") {
    Fixture f(2);
    auto pool = f.pool();
    const std::size_t tried[] = {0};
    for (int i = 0; i < 4; ++i) CHECK(pool.choose(tried, start) == 1);
    const std::size_t both[] = {0, 1};
    CHECK_FALSE(pool.choose(both, start));
}

TEST_CASE("a member to which connecting failed is avoided for a second, unless it is the last") {
    Fixture f(2);
    auto pool = f.pool();
    pool.note_connect_failure(0, start);
    CHECK(choose_many(pool, 10) == std::map<std::size_t, int>{{1, 10}});
    CHECK(choose_many(pool, 10, start + std::chrono::seconds(1)).at(0) > 0);
    pool.note_connect_failure(0, start);
    f.backends[1]->set_verdict(Verdict::down);
    CHECK(choose_many(pool, 10) == std::map<std::size_t, int>{{0, 10}});
}

TEST_CASE("a new pool takes over positions by backend, not by place") {
    Fixture f(3);
    auto old = f.pool();
    CHECK(old.choose({}, start) == 0);
    CHECK(old.choose({}, start) == 1);
    Pool next(weir::conf::Algorithm::round_robin, {{f.backends[2]}, {f.backends[1]}, {f.backends[0]}});
    next.adopt(old);
    CHECK(next.choose({}, start) == 0); // the third backend's turn, wherever it stands
}

TEST_CASE("the registry finds a backend again by pool, name and address, and forgets what nobody uses") {
    Registry registry(2);
    std::string why;
    const auto address = Address::parse("127.0.0.1:1", why);
    auto backend = registry.find_or_make("p", "x", address);
    CHECK(registry.find_or_make("p", "x", address) == backend);
    CHECK(registry.find_or_make("q", "x", address) != backend);
    CHECK(registry.find_or_make("p", "y", address) != backend);
    backend->set_verdict(Verdict::down);
    backend.reset();
    registry.prune();
    CHECK(registry.find_or_make("p", "x", address)->verdict() == Verdict::unknown);
}
