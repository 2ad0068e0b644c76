#include "base/durable_file.h"
#include "conf/store/denylist.h"
#include "conf/store/last_good.h"
#include "tests/catch.h"
#include "tests/support/temp_directory.h"

#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

using namespace weir::conf;
using weir::tests::TempDirectory;

namespace {

const LastGood good{"0123abcd",
                    {{"/etc/weir.yaml", "include: [conf.d/*.yaml]\n"}, {"/etc/conf.d/a b.yaml", "x: \0y\n\n"}}};

} // namespace

TEST_CASE("the last good configuration is read as it was kept") {
    const TempDirectory directory;
    const LastGoodStore store(directory.path, "/etc/weir.yaml");
    CHECK(store.path() != LastGoodStore(directory.path, "/etc/other.yaml").path());
    CHECK(store.read().error().message().find("No such file") != std::string::npos);
    REQUIRE(store.save(good));
    const auto read = store.read();
    REQUIRE(read);
    CHECK(read->hash == good.hash);
    REQUIRE(read->files.size() == 2);
    CHECK(read->files[1].path == good.files[1].path);
    CHECK(read->files[1].text == good.files[1].text);
    struct stat info {};
    REQUIRE(::stat(store.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("no byte of the store may change, and none may be missing") {
    const auto text = to_text(good);
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto other = text;
        other[i] ^= 1;
        CHECK_FALSE(last_good_from(other));
        CHECK_FALSE(last_good_from(text.substr(0, i)));
    }
    CHECK(last_good_from(text));
}

TEST_CASE("a stored configuration is loaded from memory with its includes") {
    const std::vector<SourceFile> files{
        {"/nowhere/weir.yaml", "include: [conf.d/*.yaml]\nlisteners: {a: {address: \"127.0.0.1:1\", pool: p}}\n"},
        {"/nowhere/conf.d/p.yaml", "pools: {p: {backends: [\"127.0.0.1:2\"]}}\n"}};
    const auto loaded = load_sources(files);
    REQUIRE(loaded.ok());
    CHECK(loaded.config.pools.at(0).name == "p");
    CHECK(loaded.files.size() == 2);
    const auto again = load_sources(loaded.sources);
    CHECK(again.hash == loaded.hash);
    CHECK_FALSE(load_sources({files[0]}).ok());
}

TEST_CASE("bad configurations are remembered with reasons, the oldest forgotten") {
    const TempDirectory directory;
    Denylist known;
    for (int i = 0; i < 105; ++i) known.add({std::string(63, 'a') + "0123456789"[i % 10], i, 0, "why\nof it"});
    CHECK(known.all().size() == 10); // one entry per hash
    for (int i = 0; i < 105; ++i) {
        auto hash = std::to_string(i);
        known.add({std::string(64 - hash.size(), 'b') + hash, 1000 + i, 0, "pool web: worse"});
    }
    CHECK(known.all().size() == Denylist::max_entries);
    CHECK_FALSE(known.find(std::string(63, 'b') + "0"));
    REQUIRE(known.save(directory.path));
    const auto read = Denylist::read(directory.path);
    REQUIRE(read);
    CHECK(read->all() == known.all());
    CHECK(read->find(std::string(61, 'b') + "104")->since == 1104);
}

TEST_CASE("a list of bad configurations that cannot be read is not an empty one") {
    const TempDirectory directory;
    CHECK(Denylist::read(directory.path)->all().empty()); // there is no list yet
    std::filesystem::create_directory(directory.path / "known-bad");
    CHECK(Denylist::read(directory.path).error().code() == boost::system::errc::is_a_directory);
}

TEST_CASE("a damaged list of bad configurations loses the damaged lines alone") {
    const std::string hash(64, 'c');
    const auto known = Denylist::parse("\nnonsense\n" + hash + "\n" + hash + " x why\n" + std::string(64, 'd') +
                                       " 5 yes\n" + hash + " 7 fence:12 a reason");
    REQUIRE(known.all().size() == 2);
    CHECK(known.all()[1] == DeniedConfig{hash, 7, 12, "a reason"});
}

TEST_CASE("a file that cannot be replaced is reported and stays") {
    const TempDirectory directory;
    const std::string path = directory.path / "file";
    REQUIRE(weir::replace_file(path, "old"));
    REQUIRE(::mkdir((path + ".new-" + std::to_string(::getpid())).c_str(), 0700) == 0); // this directory is in the way
    CHECK_FALSE(weir::replace_file(path, "new"));
    CHECK(*weir::read_whole_file(path) == "old");
    CHECK(weir::read_whole_file(directory.path / "none").error().code() ==
          boost::system::errc::no_such_file_or_directory);
}

TEST_CASE("fences, not clocks, decide if a fleet has unbanned a configuration") {
    const DeniedConfig bad{std::string(64, 'c'), 2'000'000'000, 12, "a reason"}; // from a clock that is far ahead
    CHECK_FALSE(bad.is_unbanned_by(0));
    CHECK_FALSE(bad.is_unbanned_by(11)); // it was rolled back again after the unban
    CHECK(bad.is_unbanned_by(12));
    Denylist known;
    known.add(bad);
    CHECK(Denylist::parse(known.text()).all() == std::vector{bad});
    const auto older = Denylist::parse(std::string(64, 'd') + " 5 fence:x is broken"); // as an earlier version wrote it
    REQUIRE(older.all().size() == 1);
    CHECK((older.all()[0].fence == 0 && older.all()[0].reason == "fence:x is broken"));
}
