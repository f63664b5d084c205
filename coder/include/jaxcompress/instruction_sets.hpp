// The instruction sets that the coder's innermost loops are compiled for, of which the fastest that the processor has
// is chosen at run time. They do not change results.
#pragma once

#include <string_view>
#include <vector>

// Where functions can be compiled for more than the processor that the build is for. Not on Windows: MSVC knows other
// words for it, and GCC does not align what it keeps of wide vectors on the stack there (its bug 54412).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32)
#define JAXCOMPRESS_X86 1
#else
#define JAXCOMPRESS_X86 0
#endif

namespace jaxcompress {

// From the slowest to the fastest; the first is plain C++, which runs anywhere. A new one needs its name and the
// features that each kernel asks for, both in instruction_sets.cpp.
enum class InstructionSet { kPortable, kAvx2, kAvx512, kAvx512Vnni };

// The loops that there are for several sets. Each has its own needs, and may lack a set.
enum class Kernel {
  kMatrixF32,  // matrix_f32.hpp
  kMatrixI8,   // matrix_i8.hpp
  kLanes,      // lanes_kernels.hpp
};

std::string_view to_string(InstructionSet set);

// Those that the kernel can use on this processor, the fastest first; the last is kPortable.
std::vector<InstructionSet> instruction_sets(Kernel kernel);

// Throws std::invalid_argument if the kernel cannot use the set on this processor.
void check(Kernel kernel, InstructionSet set);

}  // namespace jaxcompress
