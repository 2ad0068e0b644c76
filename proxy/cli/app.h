// Parses the command line and runs the command.
//
// Thread: the main thread.
// Lifetime: runs one command to its end.
#pragma once

namespace weir::proxy::cli {

int main(int argc, char** argv); // returns the exit code

} // namespace weir::proxy::cli
