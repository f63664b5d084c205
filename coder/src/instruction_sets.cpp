#include "jaxcompress/instruction_sets.hpp"

#include <algorithm>
#include <stdexcept>
#include <iterator>

#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

constexpr InstructionSet kFastestFirst[] = {InstructionSet::kAvx512Vnni, InstructionSet::kAvx512, InstructionSet::kAvx2,
                                            InstructionSet::kPortable};

// Whether the processor has the features that the kernel's source file for the set is compiled with.
bool has_features(Kernel kernel, InstructionSet set) {
#if JAXCOMPRESS_X86
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2");
  const bool avx512 = __builtin_cpu_supports("avx512f");
  const bool popcnt = __builtin_cpu_supports("popcnt");
  switch (kernel) {
    case Kernel::kMatrixF32:
      if (set == InstructionSet::kAvx512) return avx512;
      if (set == InstructionSet::kAvx2) return avx2 && __builtin_cpu_supports("fma");
      break;
    case Kernel::kMatrixI8:
      if (set == InstructionSet::kAvx512Vnni) return avx512 && __builtin_cpu_supports("avx512vnni");
      if (set == InstructionSet::kAvx2) return avx2;
      break;
    case Kernel::kLanes:
      if (set == InstructionSet::kAvx512) {
        return avx512 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && popcnt;
      }
      if (set == InstructionSet::kAvx2) return avx2 && popcnt;
      break;
  }
#else
  static_cast<void>(kernel);
#endif
  return set == InstructionSet::kPortable;
}

}  // namespace

std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx512: return "avx512";
    case InstructionSet::kAvx512Vnni: return "avx512vnni";
    case InstructionSet::kAvx2: return "avx2";
    default: return "portable";
  }
}

std::vector<InstructionSet> instruction_sets(Kernel kernel) {
  std::vector<InstructionSet> sets;
  std::ranges::copy_if(kFastestFirst, std::back_inserter(sets),
                       [&](InstructionSet set) { return has_features(kernel, set); });
  return sets;
}

void check(Kernel kernel, InstructionSet set) {
  if (!has_features(kernel, set)) {
    throw std::invalid_argument(concat("this processor does not have what ", to_string(set), " needs"));
  }
}

}  // namespace jaxcompress
