// Includes the test framework in the version that Debian has: Catch2 2.13, or 3 on newer releases.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
