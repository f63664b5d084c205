#pragma once

#include <cstddef>

namespace jaxcompress {

// Of panels, or of anything else that is counted.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

}  // namespace jaxcompress
