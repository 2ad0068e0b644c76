#include "lock/lease/error.h"

#include <string>

namespace weir::lock {
namespace {

class Category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "lock"; }
    std::string message(int value) const override {
        switch (static_cast<LockError>(value)) {
        case LockError::held: return "held by another machine or process";
        case LockError::unavailable: return "unavailable";
        case LockError::lost: return "lost";
        case LockError::timed_out:
            return "timed out: it is still held by another machine or process (reload.lock.wait)";
        }
        return "unknown";
    }
};

} // namespace

boost::system::error_code make_error_code(LockError error) {
    static const Category category;
    return {static_cast<int>(error), category};
}

} // namespace weir::lock
