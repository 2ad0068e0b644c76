#include "proxy/cli/app.h"

int main(int argc, char** argv) { return weir::proxy::cli::main(argc, argv); }
