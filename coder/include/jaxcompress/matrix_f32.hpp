// Products with float32 matrices whose bits depend on nothing but the operands.
//
// Every output is one chain of fused multiply-adds, input after input, so it may be broken off and continued,
// and neither the instructions used, nor what is computed beside it, nor where, can change it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "jaxcompress/instruction_sets.hpp"

namespace jaxcompress {

// Zeros to begin with, aligned for every vector.
class Floats {
 public:
  Floats() = default;
  explicit Floats(std::size_t size);

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }

 private:
  struct Delete {
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Delete> data_;
};

// Outputs are computed in panels of this many, of which the last is padded, and weights stored in groups of panels:
// row after row of a group, so that what is used together lies together.
inline constexpr std::size_t kPanel = 16;
inline constexpr std::size_t kGroup = 6;

// Of panels, or of anything else that is counted.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// A matrix of `inputs` rows and `outputs` columns.
class Matrix {
 public:
  // `values` is [inputs, outputs] in C order.
  Matrix(std::span<const float> values, std::size_t inputs, std::size_t outputs);

  std::size_t inputs() const { return inputs_; }
  std::size_t outputs() const { return outputs_; }
  std::size_t panels() const { return (outputs_ + kPanel - 1) / kPanel; }
  // Outputs with the padding: how many floats a row of sums has.
  std::size_t width() const { return panels() * kPanel; }

  // For each position i and each output o of `panels`, in place:
  //   sums[i][o] = fma(inputs[i][k - rows.begin], matrix[k][o], sums[i][o]) for k in `rows`, ascending.
  // inputs[i] has one float for each of `rows`; sums[i] has width() floats.
  void accumulate(InstructionSet set, Range rows, Range panels, std::span<const float* const> inputs,
                  std::span<float* const> sums) const;

 private:
  std::size_t inputs_;
  std::size_t outputs_;
  Floats weights_;
};

}  // namespace jaxcompress
