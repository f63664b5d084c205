#include "jaxcompress/matrix_i8.hpp"

#include <cstring>

#include "integers.hpp"

namespace jaxcompress {
namespace {

// A number for each of the inputs that have their weights in one word.
std::int32_t pack(const std::int8_t (&values)[kWordInputs], std::size_t count) {
  std::int32_t word = 0;
  if (count == kWordInputs) {
    std::memcpy(&word, values, sizeof(word));
  } else {
    const std::int16_t pair[2] = {values[0], values[1]};
    std::memcpy(&word, pair, sizeof(word));
  }
  return word;
}

}  // namespace

std::size_t word_inputs(InstructionSet set) { return set == InstructionSet::kAvx512Vnni ? 4 : 2; }

IntegerMatrix::IntegerMatrix(std::span<const std::int8_t> values, std::size_t parts, std::size_t inputs,
                             std::size_t outputs, InstructionSet set)
    : part_rows_((inputs + word_inputs(set) - 1) / word_inputs(set)),
      weights_(parts * part_rows_, outputs, [&](std::size_t row, std::size_t output) {
        const std::size_t count = word_inputs(set);
        const std::size_t part = row / part_rows_;
        const std::size_t first = row % part_rows_ * count;
        std::int8_t word[kWordInputs] = {};
        for (std::size_t i = 0; i < count && first + i < inputs; ++i) {
          word[i] = values[(part * inputs + first + i) * outputs + output];
        }
        return pack(word, count);
      }) {}

void IntegerMatrix::accumulate(InstructionSet set, Range rows, Range panels,
                               std::span<const std::uint8_t* const> inputs,
                               std::span<std::int32_t* const> sums) const {
  integers(set).accumulate({.weights = weights_,
                            .rows = rows,
                            .panels = panels,
                            .inputs = inputs.data(),
                            .sums = sums.data(),
                            .positions = sums.size()});
}

}  // namespace jaxcompress
