#include "proxy/bodies/disk_threads.h"
#include "tests/catch.h"

#include <atomic>
#include <future>
#include <memory>
#include <thread>

using weir::proxy::DiskThreads;

TEST_CASE("a job is done after its work, on the same thread") {
    DiskThreads disk(2);
    for (int i = 0; i < 100; ++i) {
        std::promise<bool> done;
        const auto worked = std::make_shared<std::thread::id>();
        REQUIRE(disk.submit({[worked] { *worked = std::this_thread::get_id(); },
                             [worked, &done] { done.set_value(*worked == std::this_thread::get_id()); }}));
        CHECK(done.get_future().get());
    }
}

TEST_CASE("a job that hangs delays only what needs its thread") {
    std::promise<void> begun, go_on;
    auto released = go_on.get_future().share();
    DiskThreads disk(2); // ends before what its jobs refer to
    REQUIRE(disk.submit({[&] { begun.set_value(), released.wait(); }, {}}));
    begun.get_future().wait();
    for (int i = 0; i < 10; ++i) {
        std::promise<void> done;
        REQUIRE(disk.submit({[] {}, [&] { done.set_value(); }}));
        done.get_future().wait();
    }
    go_on.set_value();
}

TEST_CASE("stopping drops the jobs that wait, and takes no more") {
    std::promise<void> begun, go_on;
    auto released = go_on.get_future().share();
    std::atomic<int> worked = 0, done = 0;
    DiskThreads disk(1);
    const auto alive = std::make_shared<int>();
    REQUIRE(disk.submit({[&] { begun.set_value(), released.wait(), ++worked; }, [&] { ++done; }}));
    begun.get_future().wait();
    REQUIRE(disk.submit({[&, alive] { ++worked; }, [&] { ++done; }}));
    std::thread stopper([&] { disk.stop(); });
    while (disk.submit({[] {}, {}})) std::this_thread::yield();
    go_on.set_value();
    stopper.join();
    CHECK(worked == 1);
    CHECK(done == 0);
    CHECK(alive.use_count() == 1);
}

TEST_CASE("stopping leaves a thread behind that the disk holds up") {
    struct Held {
        std::promise<void> begun, go_on, ended;
    };
    const auto held = std::make_shared<Held>();
    {
        DiskThreads disk(1);
        REQUIRE(disk.submit({[held] { held->begun.set_value(), held->go_on.get_future().wait(); }, {}}));
        held->begun.get_future().wait();
    }
    CHECK(held.use_count() == 2);
    held->go_on.set_value();
    while (held.use_count() > 1) std::this_thread::yield(); // the job is freed, if late
}
