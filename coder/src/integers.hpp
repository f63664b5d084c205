// The integer arithmetic for several instruction sets, of which one is chosen at run time. All give the same.
#pragma once

#include <cstddef>
#include <cstdint>

#include "jaxcompress/matrix_f32.hpp"
#include "product.hpp"

namespace jaxcompress {

// A word has two weights of 16 bits, or for VNNI four of 8.
using IntegerProduct = Product<std::uint8_t, std::int32_t>;

// Functions of values side by side, with a shift for each. "Rounded" means (value + half(shift)) >> shift with
// half(s) = (1 << s) >> 1, which must not overflow. Inputs are as IntegerMatrix takes them.
struct Integers {
  void (*accumulate)(const IntegerProduct& product);
  // Hidden activations: leaky ReLU, rounded, clamped to -8 to 247, plus 8.
  void (*activate)(const std::int32_t* sums, const std::int32_t* shifts, std::size_t count, std::uint8_t* inputs);
  // Context: rounded, clamped to -128 to 127, plus 128.
  void (*see)(const std::int32_t* latent, const std::int32_t* shifts, std::size_t count, std::uint8_t* inputs);
  // Rounded; multiplied by 2^-shift where a shift is negative.
  void (*scale)(const std::int32_t* sums, const std::int32_t* shifts, std::size_t count, std::int32_t* values);
  // How many thresholds are below each value.
  void (*count_below)(const std::int32_t* values, std::size_t count, const std::int32_t* thresholds,
                      std::size_t threshold_count, std::uint8_t* counts);
};

extern const Integers kPortableIntegers;
#if JAXCOMPRESS_X86
extern const Integers kAvx2Integers;
extern const Integers kAvx512VnniIntegers;
#endif

// The set is one of instruction_sets(Kernel::kMatrixI8).
inline const Integers& integers(InstructionSet set) {
  switch (set) {
#if JAXCOMPRESS_X86
    case InstructionSet::kAvx512Vnni: return kAvx512VnniIntegers;
    case InstructionSet::kAvx2: return kAvx2Integers;
#endif
    default: return kPortableIntegers;
  }
}

}  // namespace jaxcompress
