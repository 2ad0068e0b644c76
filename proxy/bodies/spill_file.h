// The file of a body that is too long for memory. It has no name, so nothing is left of it when it is closed, and a
// block of memory, through which everything is written and read.
//
// Thread: one at a time: a worker fills and reads the block, and a disk thread does the rest in between.
// Lifetime: shared by the body's store and the job that is at it.
#pragma once

#include "base/unique_fd.h"
#include "proxy/bodies/body_space.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace weir::proxy {

class SpillFile {
public:
    static constexpr std::size_t block_size = 64 * 1024; // bytes

    // `share` is the space that the body takes.
    SpillFile(std::string directory, std::unique_ptr<char[]> block, SpaceReservation share)
        : directory_(std::move(directory)), block_(std::move(block)), share_(std::move(share)) {}

    char* block() { return block_.get(); }
    // Frees the block. No disk thread may be at the file, nor come to it, except to close it.
    void free_block() { block_.reset(); }
    SpaceReservation& share() { return share_; }
    bool is_made() const { return static_cast<bool>(file_); }

    // Write the first `size` bytes of the block to the file, or read them from it. The first write makes the file.
    // Return errno, or 0. Both may block for long.
    int write(std::uint64_t offset, std::size_t size);
    int read(std::uint64_t offset, std::size_t size);

private:
    const std::string directory_;
    std::unique_ptr<char[]> block_;
    SpaceReservation share_;
    UniqueFd file_;
};

} // namespace weir::proxy
