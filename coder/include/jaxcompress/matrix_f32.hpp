// Products with float32 matrices whose bits depend on nothing but the operands.
//
// Every output is one chain of fused multiply-adds, input after input, so it may be broken off and continued,
// and neither the instructions used, nor what is computed beside it, nor where, can change it.
#pragma once

#include <cstddef>
#include <span>

#include "jaxcompress/instruction_sets.hpp"
#include "jaxcompress/packed.hpp"
#include "jaxcompress/range.hpp"

namespace jaxcompress {

using Floats = Buffer<float>;

// A matrix of `inputs` rows and `outputs` columns.
class Matrix {
 public:
  // `values` is [inputs, outputs] in C order.
  Matrix(std::span<const float> values, std::size_t inputs, std::size_t outputs);

  std::size_t inputs() const { return weights_.rows(); }
  std::size_t outputs() const { return weights_.outputs(); }
  std::size_t panels() const { return weights_.panels(); }
  // Outputs with the padding: how many floats a row of sums has.
  std::size_t width() const { return weights_.width(); }

  // For each position i and each output o of `panels`, in place:
  //   sums[i][o] = fma(inputs[i][k - rows.begin], matrix[k][o], sums[i][o]) for k in `rows`, ascending.
  // inputs[i] has one float for each of `rows`; sums[i] has width() floats.
  void accumulate(InstructionSet set, Range rows, Range panels, std::span<const float* const> inputs,
                  std::span<float* const> sums) const;

 private:
  PackedWeights<float> weights_;
};

}  // namespace jaxcompress
