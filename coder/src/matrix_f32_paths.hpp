// The same product for several instruction sets; matrix_f32.cpp chooses one at run time.
#pragma once

#include "product.hpp"

namespace jaxcompress {

using FloatProduct = Product<float, float>;

void accumulate_portable(const FloatProduct& product);
#if JAXCOMPRESS_X86
void accumulate_avx2(const FloatProduct& product);
void accumulate_avx512(const FloatProduct& product);
#endif

}  // namespace jaxcompress
