#include "conf/token_file.h"

#include <fstream>

namespace weir::conf {

std::string read_token(const std::string& path, std::string& why) {
    std::ifstream in(path);
    std::string line;
    if (std::getline(in, line) && line.size() >= 16) return line;
    why = path + " has no token of at least 16 characters in its first line";
    return {};
}

} // namespace weir::conf
