// The completion token of coroutines that handle errors as values: `co_await` returns the error code instead of
// throwing it.
//
// Thread: any.
// Lifetime: a constant.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weir {

inline constexpr auto use_nothrow_awaitable = boost::asio::as_tuple(boost::asio::use_awaitable);

} // namespace weir
