// What encoding and decoding several streams at once have in common.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace jaxcompress {

// Symbols of each chain between two looks at what is left.
inline constexpr std::size_t kChainBlock = 4096;

// How many symbols chains can go in step.
template <typename Chain, std::size_t K>
std::size_t common_count(const std::array<Chain*, K>& chains) {
  std::size_t count = kChainBlock;
  for (const Chain* chain : chains) count = std::min(count, chain->left());
  return count;
}

}  // namespace jaxcompress
