// decode_repaired for Python.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/repair.hpp"
#include "jaxcompress/tables.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

std::vector<Doubt> make_doubts(const Array<std::int32_t>& positions, const Array<std::int32_t>& alternatives,
                               const Array<double>& distances) {
  if (alternatives.size() != positions.size() || distances.size() != positions.size()) {
    throw std::invalid_argument(concat("there are ", positions.size(), " candidates, ", alternatives.size(),
                                       " alternatives and ", distances.size(),
                                       " distances; give one of each for every index in doubt"));
  }
  std::vector<Doubt> doubts;
  for (py::ssize_t i = 0; i < positions.size(); ++i) {
    // A negative position is a huge unsigned one, for which there is no index.
    doubts.push_back({static_cast<std::size_t>(positions.data()[i]), alternatives.data()[i],
                      distances.data()[i]});
  }
  return doubts;
}

template <typename Index>
py::tuple decode_repaired_arrays(const py::bytes& data, const Array<Index>& indexes,
                                 const std::shared_ptr<CdfTables>& tables,
                                 const Array<std::int32_t>& positions,
                                 const Array<std::int32_t>& alternatives, const Array<double>& distances,
                                 std::size_t max_tries, double max_seconds) {
  const std::vector<Doubt> doubts = make_doubts(positions, alternatives, distances);
  Array<std::int32_t> symbols(std::vector<py::ssize_t>(indexes.shape(), indexes.shape() + indexes.ndim()));
  const auto stream = view(data);
  const auto index_view = view<Index>(indexes);
  const auto symbol_view = mutable_view(symbols);
  const RepairLimits limits{.tries = max_tries, .seconds = max_seconds};
  Repair repair;
  {
    py::gil_scoped_release release;
    repair = decode_repaired(stream, index_view, *tables, std::span(doubts), limits, symbol_view);
  }
  Array<std::int64_t> flipped(static_cast<py::ssize_t>(repair.flipped.size()));
  std::ranges::copy(repair.flipped, flipped.mutable_data());
  return py::make_tuple(symbols, flipped, repair.tries);
}

template <typename Index>
void bind_index_type(py::module_& module) {
  module.def("decode_repaired", &decode_repaired_arrays<Index>, "data"_a, "indexes"_a.noconvert(),
             "tables"_a, "positions"_a.noconvert(), "alternatives"_a.noconvert(), "distances"_a.noconvert(),
             "max_tries"_a, "max_seconds"_a);
}

}  // namespace

void bind_repair(py::module_& module) {
  bind_index_type<std::uint8_t>(module);
  bind_index_type<std::int32_t>(module);
}

}  // namespace jaxcompress
