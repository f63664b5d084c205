// The format of many lanes for Python; as in module.cpp, the friendly checks are in Python.
#include "jaxcompress/lanes.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

template <typename T>
std::span<const T> view(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

Isa chosen_isa(const std::optional<std::string>& name) { return name ? find_isa(*name) : best_isa(); }

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const Isa isa : available_isas()) names.emplace_back(isa_name(isa));
  return names;
}

template <typename Index>
py::bytes encode_array(const Array<std::int32_t>& symbols, const Array<Index>& indexes, const LaneTables& tables,
                       std::size_t lanes, std::optional<std::size_t> parts, std::size_t threads,
                       const std::optional<std::string>& isa) {
  const auto symbol_view = view(symbols);
  const auto index_view = view(indexes);
  const LaneOptions options{lanes, parts.value_or(lane_parts(symbol_view.size())), threads, chosen_isa(isa)};
  std::vector<std::uint8_t> stream;
  {
    py::gil_scoped_release release;
    stream = encode_lanes(symbol_view, index_view, tables, options);
  }
  return {reinterpret_cast<const char*>(stream.data()), stream.size()};
}

template <typename Index>
Array<std::int32_t> decode_array(const py::bytes& data, const Array<Index>& indexes, const LaneTables& tables,
                                 std::size_t threads, const std::optional<std::string>& isa) {
  const std::string_view text = data;
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  Array<std::int32_t> symbols(std::vector<py::ssize_t>(indexes.shape(), indexes.shape() + indexes.ndim()));
  const auto index_view = view(indexes);
  const std::span symbol_view(symbols.mutable_data(), static_cast<std::size_t>(symbols.size()));
  const Isa chosen = chosen_isa(isa);
  {
    py::gil_scoped_release release;
    decode_lanes(bytes, index_view, symbol_view, tables, threads, chosen);
  }
  return symbols;
}

template <typename Index>
void bind_index_type(py::module_& module) {
  module.def("encode_lanes", &encode_array<Index>, "symbols"_a.noconvert(), "indexes"_a.noconvert(), "tables"_a,
             py::kw_only(), "lanes"_a, "parts"_a, "threads"_a, "isa"_a);
  module.def("decode_lanes", &decode_array<Index>, "data"_a, "indexes"_a.noconvert(), "tables"_a, py::kw_only(),
             "threads"_a, "isa"_a);
}

}  // namespace

void bind_lanes(py::module_& module) {
  py::class_<LaneTables>(module, "LaneTables").def(py::init<const CdfTables&>(), "tables"_a, py::keep_alive<1, 2>());
  module.def("lane_isas", &isa_names);
  bind_index_type<std::uint8_t>(module);
  bind_index_type<std::int32_t>(module);
}

}  // namespace jaxcompress
