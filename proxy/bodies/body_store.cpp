#include "proxy/bodies/body_store.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::proxy {
namespace {

constexpr std::size_t first_capacity = 4 * 1024; // bytes: most bodies are short

} // namespace

// A block on its way to the disk, or from it.
struct BodyStore::Operation {
    BodyStore* store; // null: it no longer waits; used on its worker's thread only
    Action action;
    std::uint64_t offset;
    std::size_t size;
    int error = 0;
    enum class Progress { queued, running, cancelled };
    std::atomic<Progress> progress{Progress::queued};

    // Returns true if the operation was still queued: from now on, it is `next`.
    bool leave_queue(Progress next) {
        auto queued = Progress::queued;
        return progress.compare_exchange_strong(queued, next);
    }
};

BodyStore::BodyStore(BodyStorage& storage, EventLoop& loop, Waiter& waiter)
    : storage_(storage), loop_(loop), waiter_(waiter), share_(storage.space()) {}

std::size_t BodyStore::append(std::span<const char> bytes) {
    if (state_ != StoreState::ready || bytes.empty()) return 0;
    if (filled_ == max_in_memory) {
        begin(Action::write, at_, filled_);
        return 0;
    }
    const auto taken = std::min(bytes.size(), max_in_memory - filled_);
    if (!share().take(taken)) {
        state_ = StoreState::full;
        return 0;
    }
    reserve(filled_ + taken);
    std::memcpy(block() + filled_, bytes.data(), taken);
    filled_ += taken;
    size_ += taken;
    return taken;
}

void BodyStore::finish() {
    if (file_ && filled_ > 0) begin(Action::write_last, at_, filled_);
}

std::span<const char> BodyStore::read(std::uint64_t offset) {
    if (state_ != StoreState::ready || offset >= size_) return {};
    if (offset >= at_ && offset < at_ + filled_) {
        const auto skipped = static_cast<std::size_t>(offset - at_);
        return {block() + skipped, filled_ - skipped};
    }
    filled_ = 0; // the block is overwritten
    begin(Action::read, offset, static_cast<std::size_t>(std::min<std::uint64_t>(max_in_memory, size_ - offset)));
    return {};
}

// A disk that hangs must not keep what clients that have left would take: only a block that a thread is at stays.
void BodyStore::clear() {
    const bool is_at_disk = pending_ && !pending_->leave_queue(Operation::Progress::cancelled);
    if (pending_) pending_->store = nullptr;
    pending_.reset();
    memory_.reset();
    share().release();
    if (file_ && !is_at_disk) file_->free_block();
    // Closing a large file takes the disk's time. A refused job has freed it.
    if (file_) static_cast<void>(storage_.disk().submit({[file = std::move(file_)] {}, {}}));
    file_.reset();
}

// Doubles the block, so that a short body takes little memory, and a long one is copied at most twice.
void BodyStore::reserve(std::size_t bytes) {
    if (bytes <= capacity_) return;
    capacity_ = std::min(std::max({bytes, 2 * capacity_, first_capacity}), max_in_memory);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    if (filled_ > 0) std::memcpy(larger.get(), memory_.get(), filled_);
    memory_ = std::move(larger);
}

// Gives the block to a disk thread.
void BodyStore::begin(Action action, std::uint64_t offset, std::size_t size) {
    const bool is_first = !file_;
    if (is_first) file_ = std::make_shared<SpillFile>(storage_.directory(), std::move(memory_), std::move(share_));
    pending_ = std::make_shared<Operation>(this, action, offset, size);
    state_ = StoreState::busy;
    // The file goes with the work, which is freed on the disk thread: no worker closes it.
    auto work = [file = file_, operation = pending_] {
        if (!operation->leave_queue(Operation::Progress::running)) return;
        operation->error = operation->action == Action::read ? file->read(operation->offset, operation->size)
                                                             : file->write(operation->offset, operation->size);
    };
    auto done = [&loop = loop_, &storage = storage_, operation = pending_, file = file_, is_first] {
        if (is_first && file->is_made()) storage.count_file();
        loop.post([operation] {
            if (operation->store) operation->store->conclude(*operation);
        });
    };
    if (!storage_.disk().submit({std::move(work), std::move(done)})) fail(action, EAGAIN);
}

void BodyStore::conclude(const Operation& operation) {
    if (operation.error) {
        fail(operation.action, operation.error);
    } else {
        state_ = StoreState::ready;
        if (operation.action == Action::write) at_ += std::exchange(filled_, 0);
        if (operation.action == Action::read) at_ = operation.offset, filled_ = operation.size;
    }
    pending_.reset();
    waiter_.yield(loop_);
}

void BodyStore::fail(Action action, int error) {
    state_ = StoreState::failed;
    error_ = error;
    storage_.report(action == Action::read ? "read" : "write", error);
}

} // namespace weir::proxy
