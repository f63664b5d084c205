#include "jaxcompress/lanes_kernels.hpp"

#include <stdexcept>

#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

std::vector<Isa> detect_isas() {
  std::vector<Isa> isas = {Isa::scalar};
#if JAXCOMPRESS_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt")) isas.push_back(Isa::avx2);
  if (isas.back() == Isa::avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    isas.push_back(Isa::avx512);
  }
#endif
  return isas;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx512: return "avx512";
    case Isa::avx2: return "avx2";
    default: return "scalar";
  }
}

const std::vector<Isa>& available_isas() {
  static const std::vector<Isa> isas = detect_isas();
  return isas;
}

Isa find_isa(std::string_view name) {
  std::string names;
  for (const Isa isa : available_isas()) {
    if (isa_name(isa) == name) return isa;
    names += concat(names.empty() ? "" : ", ", isa_name(isa));
  }
  throw std::invalid_argument(concat("isa is '", name, "', expected one of this processor's: ", names));
}

template <typename Index>
RowDecoder<Index> row_decoder(Isa isa, std::size_t lanes) {
#if JAXCOMPRESS_X86
  if (isa == Isa::avx512) return row_decoder_avx512<Index>(lanes);
  if (isa == Isa::avx2) return row_decoder_avx2<Index>(lanes);
#endif
  static_cast<void>(isa);
  return row_decoder_scalar<Index>(lanes);
}

RowEncoder row_encoder(Isa isa, std::size_t lanes) {
#if JAXCOMPRESS_X86
  if (isa == Isa::avx512) return row_encoder_avx512(lanes);
  if (isa == Isa::avx2) return row_encoder_avx2(lanes);
#endif
  static_cast<void>(isa);
  return row_encoder_scalar(lanes);
}

template <typename Index>
std::uint32_t decode_slowly(const DecodeRows<Index>& job, std::size_t position, std::uint32_t state) {
  const std::uint32_t code = state & (kProbabilityOne - 1);
  const LaneSymbol symbol = job.tables.search(static_cast<std::size_t>(job.indexes[position]), code);
  job.symbols[position] = symbol.value;
  if (symbol.is_escape) job.escapes.push_back(position);
  return symbol.width * (state >> kProbabilityBits) + code - symbol.start;
}

template RowDecoder<std::uint8_t> row_decoder(Isa, std::size_t);
template RowDecoder<std::int32_t> row_decoder(Isa, std::size_t);
template std::uint32_t decode_slowly(const DecodeRows<std::uint8_t>&, std::size_t, std::uint32_t);
template std::uint32_t decode_slowly(const DecodeRows<std::int32_t>&, std::size_t, std::uint32_t);

}  // namespace jaxcompress
