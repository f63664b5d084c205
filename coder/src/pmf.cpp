#include "jaxcompress/pmf.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"

namespace jaxcompress {
namespace {

// Frequencies and their sum are below this, as in CompressAI, where they are 32-bit integers.
constexpr std::uint64_t kFrequencyEnd = std::uint64_t{1} << 32;

// pmf in units of 2^-precision, rounded half away from zero in float32.
std::vector<std::uint64_t> frequencies(std::span<const float> pmf, std::uint32_t one) {
  std::vector<std::uint64_t> result;
  result.reserve(pmf.size());
  for (std::size_t i = 0; i < pmf.size(); ++i) {
    if (!std::isfinite(pmf[i]) || pmf[i] < 0) {
      throw std::invalid_argument(concat("pmf[", i, "] is ", pmf[i], ", expected finite and at least 0"));
    }
    const float scaled = std::round(pmf[i] * static_cast<float>(one));
    if (scaled >= static_cast<float>(kFrequencyEnd)) {
      throw std::invalid_argument(concat("pmf[", i, "] is ", pmf[i], ", expected less than ",
                                         kFrequencyEnd / one, "; normalise the pmf"));
    }
    result.push_back(static_cast<std::uint64_t>(scaled));
  }
  return result;
}

// Gives every symbol of width 0 a width of 1, taken from the narrowest symbol that is wider than 1 (the
// first of equals), which stays the narrowest until it has no more to give. Leaves the sum as it is, which
// must be at least the number of symbols.
void widen_zeros(std::vector<std::uint64_t>& widths) {
  std::vector<std::size_t> donors;
  std::uint64_t missing = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    if (widths[i] > 1) donors.push_back(i);
    if (widths[i] == 0) {
      widths[i] = 1;
      ++missing;
    }
  }
  std::ranges::stable_sort(donors, {}, [&](std::size_t i) { return widths[i]; });
  for (auto donor = donors.begin(); missing > 0; ++donor) {
    const std::uint64_t given = std::min(missing, widths[*donor] - 1);
    widths[*donor] -= given;
    missing -= given;
  }
}

}  // namespace

std::vector<std::int32_t> pmf_to_cdf(std::span<const float> pmf, std::int64_t precision) {
  if (precision < 1 || precision > kProbabilityBits) {
    throw std::invalid_argument(concat("precision is ", precision, ", expected 1 to ", kProbabilityBits));
  }
  const std::uint32_t one = 1U << precision;
  if (pmf.size() > one) {
    throw std::invalid_argument(concat("pmf has ", pmf.size(), " symbols, expected at most 2^", precision,
                                       " so that each can have a width"));
  }

  std::vector<std::uint64_t> widths = frequencies(pmf, one);
  const std::uint64_t total = std::accumulate(widths.begin(), widths.end(), std::uint64_t{0});
  if (total == 0) {
    throw std::invalid_argument(concat("pmf has no value that rounds to 2^-", precision,
                                       " or more, expected values that sum to about 1"));
  }
  if (total >= kFrequencyEnd) {
    throw std::invalid_argument(concat("pmf sums to ", static_cast<double>(total) / one,
                                       ", expected less than ", kFrequencyEnd / one, "; normalise the pmf"));
  }
  std::uint64_t used = 0;
  for (std::uint64_t& width : widths) {
    width = one * width / total;
    used += width;
  }
  widths.back() += one - used;
  widen_zeros(widths);

  std::vector<std::int32_t> cdf(widths.size() + 1, 0);
  std::inclusive_scan(widths.begin(), widths.end(), cdf.begin() + 1, std::plus<>{}, std::uint64_t{0});
  return cdf;
}

}  // namespace jaxcompress
