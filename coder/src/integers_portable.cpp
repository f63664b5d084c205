#include "integers.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define JAXCOMPRESS_TARGET

namespace jaxcompress {
namespace {

void multiply(const IntegerProduct& product) {
  for (std::size_t panel = product.panels.begin; panel < product.panels.end; ++panel) {
    const Group<std::int32_t> group = group_from(product, panel);
    for (std::size_t i = 0; i < product.positions; ++i) {
      const std::uint8_t* input = product.inputs[i];
      std::int32_t* target = product.sums[i] + panel * kPanel;
      std::int32_t sums[kPanel];
      std::copy_n(target, kPanel, sums);
      const std::int32_t* words = group.weights;
      for (std::size_t row = product.rows.begin; row < product.rows.end; ++row) {
        std::int16_t weights[2 * kPanel];
        std::memcpy(weights, words, sizeof(weights));
        // In 16 bits, since many processors have no other fast product.
        const std::int16_t first = input[0];
        const std::int16_t second = input[2];
        for (std::size_t o = 0; o < kPanel; ++o) sums[o] += first * weights[2 * o] + second * weights[2 * o + 1];
        input += IntegerProduct::kRowInputs;
        words += group.stride;
      }
      std::copy_n(sums, kPanel, target);
    }
  }
}

constexpr std::size_t kInputBytes = 2;

#include "integer_values.hpp"

}  // namespace

const Integers kPortableIntegers = {multiply, activate, see, scale, count_below};

}  // namespace jaxcompress
