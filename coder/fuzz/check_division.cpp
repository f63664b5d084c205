// Compares division by reciprocals with the processor's, for every width and the states at which it could fail.
//
//   g++ -std=c++20 -O2 -I coder/include coder/fuzz/check_division.cpp -o check_division && ./check_division
#include <cstdint>
#include <cstdio>
#include <initializer_list>

#include "jaxcompress/format.hpp"
#include "jaxcompress/reciprocal.hpp"

namespace {

using jaxcompress::Reciprocal;

bool is_exact(std::uint64_t x, std::uint32_t width, const Reciprocal& reciprocal) {
  const std::uint64_t quotient = jaxcompress::high_product(x, reciprocal.factor) >> reciprocal.shift;
  if (quotient == (width == 1 ? x - 1 : x / width)) return true;
  std::printf("%llu / %u came out as %llu\n", static_cast<unsigned long long>(x), width,
              static_cast<unsigned long long>(quotient));
  return false;
}

}  // namespace

int main() {
  std::uint64_t random = 1;
  for (std::uint32_t width = 1; width <= jaxcompress::kProbabilityOne; ++width) {
    const Reciprocal reciprocal = Reciprocal::of(width);
    for (int bits = 0; bits <= 63; ++bits) {
      random = random * 6364136223846793005 + 1442695040888963407;
      const std::uint64_t end = std::uint64_t{1} << bits;
      // At powers of two, which states and their limits are made of, and somewhere below; the quotients of
      // multiples of the width, and of what comes before and after them, are the first to go wrong.
      for (const std::uint64_t near : {end, end - random % end}) {
        for (const std::uint64_t x : {near, near - near % width, near - near % width + width}) {
          for (const std::uint64_t state : {x - 1, x, x + 1}) {
            if (state == 0 || state >= jaxcompress::kStateEnd) continue;
            if (!is_exact(state, width, reciprocal)) return 1;
          }
        }
      }
    }
  }
  std::puts("every quotient is exact");
}
