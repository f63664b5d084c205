// The extension module of the coder.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/pmf.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

Array<std::int32_t> pmf_to_cdf_array(const Array<float>& pmf, std::int64_t precision) {
  const std::vector<std::int32_t> cdf = pmf_to_cdf(view<float>(pmf), precision);
  return Array<std::int32_t>(static_cast<py::ssize_t>(cdf.size()), cdf.data());
}

}  // namespace
}  // namespace jaxcompress

PYBIND11_MODULE(_rans, module) {
  using namespace jaxcompress;

  auto stream_error = py::register_exception<StreamError>(module, "StreamError", PyExc_ValueError);
  stream_error.doc() = "A stream that is damaged, or was not written with the tables and indexes given.";

  module.def("pmf_to_cdf", &pmf_to_cdf_array, "pmf"_a.noconvert(), "precision"_a);
  bind_instruction_sets(module);
  bind_rans(module);
  bind_autoregressive(module);
  bind_repair(module);
  bind_lanes(module);
  bind_integer(module);
}
