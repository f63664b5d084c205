// Products of unsigned with signed bytes, summed in int32: exact, so any order of summation gives the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "jaxcompress/instruction_sets.hpp"
#include "jaxcompress/packed.hpp"
#include "jaxcompress/range.hpp"

namespace jaxcompress {

// How many inputs the instructions take in one word of 32 bits: 2 or 4. An input lies in the first of every
// kWordInputs / word_inputs(set) bytes, and the others are 0: two of them are 16-bit numbers.
inline constexpr std::size_t kWordInputs = 4;
std::size_t word_inputs(InstructionSet set);

class IntegerMatrix {
 public:
  // `values` is [parts, inputs, outputs] in C order. Each part begins with a row of its own.
  IntegerMatrix(std::span<const std::int8_t> values, std::size_t parts, std::size_t inputs, std::size_t outputs,
                InstructionSet set);

  // Rows of words. A part has as many as its inputs fill, and each takes kWordInputs bytes of inputs.
  std::size_t rows() const { return weights_.rows(); }
  std::size_t part_rows() const { return part_rows_; }
  std::size_t outputs() const { return weights_.outputs(); }
  std::size_t panels() const { return weights_.panels(); }
  // Outputs with the padding: how many sums a row has.
  std::size_t width() const { return weights_.width(); }

  // For each position i and each output o of `panels`, in place:
  //   sums[i][o] += sum of input * weight over `rows`,
  // where inputs[i] points to the bytes of the first of them. What lies beyond the inputs of a part does not count.
  void accumulate(InstructionSet set, Range rows, Range panels, std::span<const std::uint8_t* const> inputs,
                  std::span<std::int32_t* const> sums) const;

 private:
  std::size_t part_rows_;
  PackedWeights<std::int32_t> weights_;
};

}  // namespace jaxcompress
