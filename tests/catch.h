// The test framework, whichever version Debian has: Catch2 2.13, or 3 where it has moved on.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
