// From probabilities to the integer distributions that the coder uses.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace jaxcompress {

// The quantized cumulative distribution of `pmf`: pmf.size() + 1 strictly increasing integers from 0 to
// 2^precision. Throws std::invalid_argument for a pmf or precision (1 to 16) that has none.
std::vector<std::int32_t> pmf_to_cdf(std::span<const float> pmf, std::int64_t precision);

}  // namespace jaxcompress
