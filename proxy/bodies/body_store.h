// Keeps the body of one request: up to 64 KiB in memory, and a larger body in a file. Dedicated threads read and write
// the file; the store is busy until they are done, and then wakes its caller. At most one block is in memory.
//
//   append ... append ─→ finish ─→ read(0) ... read(0) ... ─→ clear
//
// Thread: one worker's thread.
// Lifetime: storage, loop and waiter must outlive it; it must not move. It may end while it is busy.
#pragma once

#include "proxy/bodies/body_storage.h"
#include "proxy/bodies/spill_file.h"
#include "proxy/io/event_loop.h"
#include "proxy/io/waiter.h"

#include <memory>
#include <span>

namespace weir::proxy {

enum class StoreState {
    ready,
    busy,   // the disk is at work
    full,   // all buffered bodies take as much space as they may
    failed, // the disk has failed, see error()
};

class BodyStore {
public:
    static constexpr std::size_t max_in_memory = SpillFile::block_size;

    // Wakes `waiter` when the store is no longer busy.
    BodyStore(BodyStorage& storage, EventLoop& loop, Waiter& waiter);
    ~BodyStore() { clear(); }
    BodyStore(const BodyStore&) = delete;
    BodyStore& operator=(const BodyStore&) = delete;

    // Returns true if a body of this size would fit now.
    bool has_room(std::uint64_t bytes) const { return storage_.space()->has_room(bytes); }
    StoreState state() const { return state_; }
    int error() const { return error_; }         // errno
    std::uint64_t size() const { return size_; } // bytes appended
    bool is_in_file() const { return file_ != nullptr; }

    // Appends bytes as long as the store is ready. Returns how many it has taken: fewer, or none, if it has become
    // busy, full or failed.
    std::size_t append(std::span<const char> bytes);
    // Ends the body, which is written to its file if it has one. The store must be ready.
    void finish();

    // Returns bytes of the whole body from `offset` on: as many as are in memory. If there are none, the store becomes
    // busy and reads them, or it has failed. The bytes stay in place until the next call for others, or clear().
    std::span<const char> read(std::uint64_t offset);

    // Frees the body's memory and its file. Nothing may be called after this but clear().
    void clear();

private:
    struct Operation;
    enum class Action { write, write_last, read };

    char* block() { return file_ ? file_->block() : memory_.get(); }
    SpaceReservation& share() { return file_ ? file_->share() : share_; }
    void reserve(std::size_t bytes);
    void begin(Action action, std::uint64_t offset, std::size_t size);
    void conclude(const Operation& operation);
    void fail(Action action, int error);

    BodyStorage& storage_;
    EventLoop& loop_;
    Waiter& waiter_;
    SpaceReservation share_;
    std::unique_ptr<char[]> memory_; // the block, unless there is a file
    std::size_t capacity_ = 0;       // of the block
    std::shared_ptr<SpillFile> file_;
    std::shared_ptr<Operation> pending_; // null unless the store is busy
    StoreState state_ = StoreState::ready;
    int error_ = 0;
    std::uint64_t size_ = 0;
    std::uint64_t at_ = 0;   // where the bytes of the block belong in the body
    std::size_t filled_ = 0; // how many they are
};

} // namespace weir::proxy
