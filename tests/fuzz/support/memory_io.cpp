#include "tests/fuzz/support/memory_io.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace weir::memory_io {
namespace {

std::vector<std::unique_ptr<Wire>> wires;
std::vector<int> made_by_weir;
std::size_t moment = 0;
int error_of_connects = 0;
proxy::TimePoint clock{std::chrono::hours(1)};
bool idle = false; // no coroutine yielded in the last round

void notify(Wire& at, std::uint32_t events) {
    if (at.socket) static_cast<proxy::EventHandler&>(*at.socket).on_event(events);
}

} // namespace

int make_wire() {
    wires.push_back(std::make_unique<Wire>());
    return static_cast<int>(wires.size() - 1);
}

Wire& wire(int descriptor) { return *wires.at(static_cast<std::size_t>(descriptor)); }
const std::vector<int>& connected() { return made_by_weir; }

void clear() {
    wires.clear();
    made_by_weir.clear();
    moment = 0;
    error_of_connects = 0;
}

void fail_connects(int error) { error_of_connects = error; }

void arrive(Wire& at, std::string_view bytes) {
    if (at.ended || at.reset) return;
    at.arriving += bytes;
    notify(at, EPOLLIN);
}

void end(Wire& at) {
    at.ended = true;
    notify(at, EPOLLIN | EPOLLRDHUP);
}

void reset(Wire& at) {
    at.reset = true;
    notify(at, EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

void widen(Wire& at, std::size_t bytes) {
    at.window = at.window > ~std::size_t{0} - bytes ? ~std::size_t{0} : at.window + bytes;
    notify(at, EPOLLOUT);
}

void run(proxy::EventLoop& loop, std::chrono::milliseconds later) {
    clock += later;
    do loop.run();
    while (!idle);
}

void dump(const char* name, const Wire& wire) {
    constexpr std::size_t most = 2000; // bytes that help
    std::fprintf(stderr, "--- %s%s%s%s sent %zu bytes:\n", name, wire.ended ? ", ended," : "",
                 wire.reset ? ", reset," : "", wire.closed ? ", closed by weir," : "", wire.arriving.size());
    std::fwrite(wire.arriving.data(), 1, std::min(wire.arriving.size(), most), stderr);
    std::fprintf(stderr, "\n--- and got %zu bytes:\n", wire.sent.size());
    std::fwrite(wire.sent.data(), 1, std::min(wire.sent.size(), most), stderr);
    std::fprintf(stderr, "\n");
}

} // namespace weir::memory_io

namespace weir::proxy {

using namespace memory_io;

bool Socket::open(EventLoop& loop, UniqueFd connection, Waker& waker) {
    fd_ = std::move(connection); // the number of a wire, which is never closed as a descriptor
    loop_ = &loop;
    waker_ = &waker;
    readable_ = hung_up_ = broken_ = fin_received_ = urgent_ = false;
    writable_ = true;
    wire(fd_.get()).socket = this;
    return true;
}

int Socket::connect(EventLoop& loop, const conf::Endpoint&, Waker& waker) {
    if (error_of_connects != 0) return error_of_connects;
    made_by_weir.push_back(make_wire());
    open(loop, UniqueFd(made_by_weir.back()), waker);
    return 0;
}

int Socket::connect_error() const { return 0; }
conf::Address Socket::local() const { return {}; }

void Socket::close(HowToClose) {
    if (!fd_) return;
    const int number = fd_.release();
    wire(number).closed = true;
    wire(number).socket = nullptr;
    readable_ = writable_ = false;
}

bool Socket::at_end() const {
    const auto& at = wire(fd_.get());
    return hung_up_ && (at.reset || at.read == at.arriving.size());
}

bool Socket::is_idle() {
    const auto& at = wire(fd_.get());
    const bool quiet = !hung_up_ && at.read == at.arriving.size();
    readable_ = !quiet;
    return quiet;
}

IoResult Socket::receive(std::span<char> into) {
    if (!readable_) return {IoStatus::would_block};
    if (into.empty()) std::abort();
    auto& at = wire(fd_.get());
    const auto size = std::min(into.size(), at.arriving.size() - at.read);
    if (size > 0) {
        std::memcpy(into.data(), at.arriving.data() + at.read, size);
        at.read += size;
        if (size < into.size() && !hung_up_) readable_ = false;
        return {IoStatus::ok, size};
    }
    if (at.reset) return {IoStatus::failed, 0, ECONNRESET};
    if (at.ended) return {IoStatus::end};
    readable_ = false;
    return {IoStatus::would_block};
}

IoResult Socket::send(std::span<const iovec> parts) {
    if (!writable_) return {IoStatus::would_block};
    auto& at = wire(fd_.get());
    if (at.closed) std::abort(); // weir must not send after closing its sending side
    if (at.reset) return {IoStatus::failed, 0, EPIPE};
    std::size_t sent = 0;
    at.when.emplace_back(at.sent.size(), moment++);
    for (const auto& part : parts) {
        const auto size = std::min(part.iov_len, at.window);
        at.sent.append(static_cast<const char*>(part.iov_base), size);
        at.window -= size;
        sent += size;
        if (size < part.iov_len) break;
    }
    if (sent > 0) return {IoStatus::ok, sent};
    writable_ = false;
    return {IoStatus::would_block};
}

std::size_t Socket::unacked_bytes() const { return 0; }
void Socket::raise_unsent_low_water_mark() {}
void Socket::finish_sending() { wire(fd_.get()).closed = true; }

void Socket::on_event(std::uint32_t events) {
    if (events & EPOLLERR) broken_ = true;
    if ((events & EPOLLRDHUP) && !broken_) fin_received_ = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hung_up_ = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) writable_ = true;
    waker_->wake();
}

EventLoop::EventLoop() : now_(clock), timers_(now_) {}
EventLoop::~EventLoop() = default;

// Runs one round of the loop.
void EventLoop::run() {
    now_ = clock;
    wake_yielded();
    timers_.advance(now_);
    idle = yielded_.empty();
}

void EventLoop::stop() {}
void EventLoop::post(std::function<void()> work) { work(); }
bool EventLoop::add(int, EventHandler&, Trigger) { return true; }
void EventLoop::remove(int, EventHandler&) {}
bool EventLoop::has_pending_event(const EventHandler&) const { return false; }
void EventLoop::run_posted() {}

void EventLoop::wake_later(Waiter& fiber) {
    fiber.queued_ = this;
    yielded_.push_back(&fiber);
}

void EventLoop::forget(Waiter& fiber) {
    for (auto* list : {&yielded_, &round_})
        std::replace(list->begin(), list->end(), &fiber, static_cast<Waiter*>(nullptr));
}

void EventLoop::wake_yielded() {
    round_.swap(yielded_);
    for (std::size_t i = 0; i < round_.size(); ++i) {
        if (!round_[i]) continue;
        round_[i]->queued_ = nullptr;
        round_[i]->wake();
    }
    round_.clear();
}

} // namespace weir::proxy
