// The same product for several instruction sets; matrix_f32.cpp chooses one at run time.
#pragma once

#include <cstddef>

#if defined(__GNUC__) && defined(__x86_64__)
#define JAXCOMPRESS_X86 1
#else
#define JAXCOMPRESS_X86 0
#endif

namespace jaxcompress {

// What Matrix::accumulate was asked for.
struct Product {
  const float* weights;     // of the first row, in the first panel
  std::size_t panel_size;   // floats from one panel to the next
  std::size_t panel_count;
  std::size_t depth;        // rows
  const float* const* inputs;
  float* const* sums;       // of each position, from output 0 on
  std::size_t first_output;
  std::size_t positions;
};

void accumulate_portable(const Product& product);
#if JAXCOMPRESS_X86
void accumulate_avx2(const Product& product);
void accumulate_avx512(const Product& product);
#endif

}  // namespace jaxcompress
