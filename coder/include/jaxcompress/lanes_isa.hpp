// The instruction sets that lanes are coded with. All give the same bytes and symbols.
#pragma once

#include <string_view>
#include <vector>

// Where functions can be compiled for more than the processor that the build is for.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define JAXCOMPRESS_X86 1
#else
#define JAXCOMPRESS_X86 0
#endif

namespace jaxcompress {

enum class Isa { scalar, avx2, avx512 };

std::string_view isa_name(Isa isa);

// What this processor can do, from the slowest to the fastest.
const std::vector<Isa>& available_isas();

inline Isa best_isa() { return available_isas().back(); }

// Throws std::invalid_argument for a name that is not in available_isas().
Isa find_isa(std::string_view name);

}  // namespace jaxcompress
