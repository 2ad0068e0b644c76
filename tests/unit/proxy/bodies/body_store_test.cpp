#include "proxy/bodies/body_store.h"
#include "tests/catch.h"

#include <cerrno>
#include <filesystem>
#include <functional>
#include <future>
#include <sstream>
#include <string>
#include <thread>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace weir::proxy;

namespace {

constexpr std::size_t block = BodyStore::max_in_memory;

class Folder {
public:
    Folder() : path_(std::filesystem::temp_directory_path() / "weir-body-XXXXXX") { ::mkdtemp(path_.data()); }
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }
    bool is_empty() const { return std::filesystem::is_empty(path_); }

private:
    std::string path_;
};

// A store whose event loop runs on a thread of its own.
class Site {
public:
    explicit Site(std::string directory)
        : storage(std::move(directory)), store(storage, loop, waiter), thread_([this] { loop.run(); }) {}
    ~Site() {
        storage.stop();
        loop.stop();
        thread_.join();
    }

    // Runs `work` on the loop's thread, and waits for it.
    void run(const std::function<void()>& work) {
        std::promise<void> done;
        loop.post([&] { work(), done.set_value(); });
        done.get_future().wait();
    }
    StoreState settle() {
        auto state = StoreState::busy;
        while (state == StoreState::busy) {
            run([&] { state = store.state(); });
            if (state == StoreState::busy) std::this_thread::yield();
        }
        return state;
    }
    // Appends all of `bytes`, in pieces. Returns whether the store took them.
    bool append(std::string_view bytes, std::size_t piece) {
        auto state = settle();
        while (!bytes.empty() && state == StoreState::ready) {
            run([&] { bytes.remove_prefix(store.append(std::span(bytes.data(), std::min(piece, bytes.size())))); });
            state = settle();
        }
        return state == StoreState::ready;
    }
    bool finish() {
        run([&] { store.finish(); });
        return settle() == StoreState::ready;
    }
    std::string read_all(std::uint64_t from = 0) {
        std::string all;
        auto state = StoreState::ready;
        while (state == StoreState::ready && from + all.size() < store.size()) {
            run([&] {
                const auto bytes = store.read(from + all.size());
                all.append(bytes.data(), bytes.size());
            });
            state = settle();
        }
        return all;
    }
    // Waits until the bodies take only `bytes`: files are closed on another thread.
    void wait_for_bytes(std::uint64_t bytes) const {
        while (storage.bytes() != bytes) std::this_thread::yield();
    }

    EventLoop loop;
    Waiter waiter;
    BodyStorage storage;
    BodyStore store;

private:
    std::thread thread_;
};

// Text in which no two blocks are alike.
std::string text(std::size_t size) {
    std::string all;
    for (std::size_t i = 0; all.size() < size; ++i) all += std::to_string(i) + ' ';
    all.resize(size);
    return all;
}

} // namespace

TEST_CASE("a store returns what was appended, as often as it is read") {
    const Folder folder;
    for (const std::size_t size : {std::size_t{1}, std::size_t{4095}, std::size_t{4097}, block - 1, block, block + 1,
                                   2 * block, 2 * block + 1, 10 * block + 7}) {
        for (const std::size_t piece : {std::size_t{999}, block, 5 * block}) {
            INFO(size << " bytes in pieces of " << piece);
            Site site(folder.path());
            const auto body = text(size);
            REQUIRE(site.append(body, piece));
            REQUIRE(site.finish());
            CHECK(site.store.size() == size);
            CHECK(site.store.is_in_file() == (size > block));
            CHECK(site.storage.files() == (size > block ? 1 : 0));
            CHECK(site.storage.bytes() == size);
            CHECK(site.read_all() == body);
            CHECK(site.read_all() == body);
            CHECK(site.read_all(size / 2) == body.substr(size / 2));
            CHECK(folder.is_empty()); // its file has no name
            site.run([&] { site.store.clear(); });
            site.wait_for_bytes(0);
        }
    }
}

TEST_CASE("an empty store has nothing to read") {
    Site site("/");
    CHECK(site.store.append({}) == 0);
    CHECK(site.finish());
    CHECK(site.store.size() == 0);
    CHECK(site.store.read(0).empty());
    CHECK(site.store.state() == StoreState::ready);
}

TEST_CASE("a store is full if all bodies together would exceed the limit") {
    const Folder folder;
    Site site(folder.path());
    site.storage.set_limit(3 * block);
    CHECK(site.store.has_room(3 * block));
    CHECK_FALSE(site.store.has_room(3 * block + 1));
    BodyStore other(site.storage, site.loop, site.waiter);
    CHECK(other.append(std::string(10, 'x')) == 10);
    CHECK_FALSE(site.store.has_room(3 * block));
    CHECK_FALSE(site.append(text(3 * block), block));
    CHECK(site.store.state() == StoreState::full);
    CHECK(site.storage.bytes() == 2 * block + 10);
    site.run([&] { site.store.clear(); });
    site.wait_for_bytes(10);
    site.storage.set_limit(9); // less than what is in use
    CHECK_FALSE(site.store.has_room(0));
    CHECK(other.append(std::string("x")) == 0);
    other.clear();
    site.wait_for_bytes(0);
}

TEST_CASE("a store fails if it cannot make its file") {
    const Folder folder;
    for (const auto& directory : {folder.path() + "/missing", std::string("/proc")}) {
        INFO(directory);
        Site site(directory);
        CHECK(site.append(text(block), block)); // in memory, where the directory does not matter
        CHECK_FALSE(site.append("x", 1));
        CHECK(site.store.state() == StoreState::failed);
        CHECK(site.store.error() == ENOENT); // what proc says, too
        CHECK(site.storage.files() == 0);
        CHECK(site.store.append(std::string("x")) == 0);
        site.run([&] { site.store.clear(); });
        site.wait_for_bytes(0);
    }
}

TEST_CASE("a store may end while the disk is at work") {
    const Folder folder;
    Site site(folder.path());
    int busy = 0;
    for (int i = 0; i < 50; ++i)
        site.run([&] {
            BodyStore store(site.storage, site.loop, site.waiter);
            store.append(std::string(block, 'x'));
            store.append(std::string("y"));
            busy += store.state() == StoreState::busy;
        });
    CHECK(busy == 50);
    site.wait_for_bytes(0);
    CHECK(folder.is_empty());
}

TEST_CASE("a body that ends while the disk hangs keeps no space") {
    const Folder folder;
    std::promise<void> disk_works;
    const auto works = disk_works.get_future().share();
    Site site(folder.path()); // ends before what its disk waits for
    for (int i = 0; i < 2; ++i) REQUIRE(site.storage.disk().submit({[works] { works.wait(); }, {}}));
    site.run([&] {
        const std::string bytes(block, 'x');
        CHECK(site.store.append({bytes.data(), bytes.size()}) == block);
        CHECK(site.store.append({bytes.data(), 1}) == 0);
        CHECK(site.store.state() == StoreState::busy);
        CHECK(site.storage.bytes() == block);
        site.store.clear();
        CHECK(site.storage.bytes() == 0);
    });
    disk_works.set_value();
}

TEST_CASE("a store without threads fails instead of waiting") {
    const Folder folder;
    Site site(folder.path());
    site.storage.stop();
    REQUIRE(site.append(text(block), block));
    CHECK_FALSE(site.append("x", 1));
    CHECK(site.store.error() == EAGAIN);
    CHECK(site.storage.files() == 0);
}

TEST_CASE("a body that weir's end cuts off is no failure of the disk") {
    const Folder folder;
    std::ostringstream log;
    const auto usual = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
    {
        Site site(folder.path() + "/missing"), ending(folder.path());
        CHECK_FALSE(site.append(text(block + 1), block));
        ending.storage.stop();
        CHECK_FALSE(ending.append(text(block + 1), block));
    }
    spdlog::set_default_logger(usual);
    CHECK(log.str().find("/missing: No such file") != std::string::npos);
    CHECK(log.str().find(folder.path() + ": ") == std::string::npos);
}
