#include "proxy/cli/app.h"

int main(int argc, char** argv) { return static_cast<int>(weir::proxy::cli::main(argc, argv)); }
