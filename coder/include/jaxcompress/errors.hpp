// How the coder reports errors: std::invalid_argument for arguments that cannot be coded at all, and
// StreamError for streams that do not hold what the tables and indexes say they should.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace jaxcompress {

class StreamError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The arguments written one after the other: concat("cdf[", 3, "]") is "cdf[3]".
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace jaxcompress
