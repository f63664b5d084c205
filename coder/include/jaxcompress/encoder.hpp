// From symbols to a stream.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// The stream that holds `symbols`, where symbols[i] is coded with table indexes[i]. Index is std::uint8_t
// or std::int32_t. Throws std::invalid_argument for an index without a table and for a symbol too far from
// its table's values.
template <typename Index>
std::vector<std::uint8_t> encode(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                                 const CdfTables& tables);

}  // namespace jaxcompress
