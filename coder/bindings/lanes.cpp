// The format of many lanes for Python; the friendly checks are in Python.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "instruction_sets.hpp"
#include "jaxcompress/lanes.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

template <typename Index>
py::bytes encode_array(const Array<std::int32_t>& symbols, const Array<Index>& indexes, const LaneTables& tables,
                       std::size_t lanes, std::optional<std::size_t> parts, std::size_t threads,
                       const std::optional<std::string>& isa) {
  const auto symbol_view = view<std::int32_t>(symbols);
  const auto index_view = view<Index>(indexes);
  const LaneOptions options{lanes, parts.value_or(lane_parts(symbol_view.size())), threads,
                            find_instruction_set(Kernel::kLanes, isa)};
  std::vector<std::uint8_t> stream;
  {
    py::gil_scoped_release release;
    stream = encode_lanes(symbol_view, index_view, tables, options);
  }
  return to_bytes(stream);
}

template <typename Index>
Array<std::int32_t> decode_array(const py::bytes& data, const Array<Index>& indexes, const LaneTables& tables,
                                 std::size_t threads, const std::optional<std::string>& isa) {
  Array<std::int32_t> symbols(std::vector<py::ssize_t>(indexes.shape(), indexes.shape() + indexes.ndim()));
  const auto index_view = view<Index>(indexes);
  const auto bytes = view(data);
  const auto symbol_view = mutable_view(symbols);
  const InstructionSet set = find_instruction_set(Kernel::kLanes, isa);
  {
    py::gil_scoped_release release;
    decode_lanes(bytes, index_view, symbol_view, tables, threads, set);
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
  bind_index_type<std::uint8_t>(module);
  bind_index_type<std::int32_t>(module);
}

}  // namespace jaxcompress
