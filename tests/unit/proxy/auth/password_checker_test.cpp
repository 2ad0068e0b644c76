#include "proxy/auth/password_checker.h"
#include "tests/catch.h"

#include <future>
#include <string>
#include <vector>

#include <crypt.h>

using namespace weir::proxy::auth;

namespace {

std::string hash_of(const std::string& password, const char* setting) {
    crypt_data data{};
    return ::crypt_r(password.c_str(), setting, &data);
}

const auto wanted = [] { return true; };
const char* const cheap = "$2b$04$abcdefghijklmnopqrstuu"; // bcrypt at its lowest cost

} // namespace

TEST_CASE("a password is right if it has the hash, whatever the method") {
    for (const char* setting : {cheap, "$5$rounds=1000$salt", "$6$rounds=1000$salt", "$y$j75$salt"}) {
        INFO(setting);
        const auto hash = hash_of("open sesame", setting);
        CHECK(check_password("open sesame", hash) == PasswordResult::valid);
        CHECK(check_password("open sesame ", hash) == PasswordResult::invalid);
        CHECK(check_password("", hash) == PasswordResult::invalid);
    }
    CHECK(check_password("x", "no hash") == PasswordResult::invalid);
    CHECK(check_password("*0", "*0") == PasswordResult::invalid); // how crypt() reports a failure
}

TEST_CASE("the checker takes as many jobs as may wait, and answers each once") {
    PasswordChecker checker(1, 3);
    const auto hash = hash_of("right", cheap);
    std::promise<void> begun, go_on;
    auto released = go_on.get_future().share();
    // The first job holds the thread, so that the others wait.
    REQUIRE(checker.submit({"x", hash, wanted, [&](PasswordResult) { begun.set_value(), released.wait(); }}));
    begun.get_future().wait();
    std::vector<std::promise<PasswordResult>> results(3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(checker.submit(
            {i == 1 ? "right" : "wrong", hash, wanted, [&, i](PasswordResult v) { results[i].set_value(v); }}));
    CHECK_FALSE(checker.submit({"right", hash, wanted, [](PasswordResult) { FAIL("it was refused"); }}));
    go_on.set_value();
    CHECK(results[0].get_future().get() == PasswordResult::invalid);
    CHECK(results[1].get_future().get() == PasswordResult::valid);
    CHECK(results[2].get_future().get() == PasswordResult::invalid);
}

TEST_CASE("after a stop no job is answered or accepted") {
    PasswordChecker checker(2, 100);
    const auto hash = hash_of("right", cheap);
    int answered = 0;
    std::mutex mutex;
    for (int i = 0; i < 50; ++i)
        CHECK(checker.submit({"right", hash, wanted, [&](PasswordResult) {
                                  const std::lock_guard lock(mutex);
                                  ++answered;
                              }}));
    checker.stop();
    const int before = answered;
    CHECK_FALSE(checker.submit({"right", hash, wanted, [&](PasswordResult) { ++answered; }}));
    CHECK(answered == before);
}

TEST_CASE("a job that nobody waits for any more is dropped") {
    PasswordChecker checker(1, 10);
    const auto hash = hash_of("right", cheap);
    std::promise<void> last;
    REQUIRE(checker.submit({"right", hash, [] { return false; }, [](PasswordResult) { FAIL("it was dropped"); }}));
    REQUIRE(checker.submit({"right", hash, wanted, [&](PasswordResult) { last.set_value(); }}));
    last.get_future().wait();
}
