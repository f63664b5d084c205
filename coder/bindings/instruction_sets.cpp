#include "instruction_sets.hpp"

#include <pybind11/stl.h>

#include <stdexcept>
#include <vector>

#include "bind.hpp"
#include "jaxcompress/errors.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

Kernel find_kernel(const std::string& name) {
  if (name == "matrix_f32") return Kernel::kMatrixF32;
  if (name == "matrix_i8") return Kernel::kMatrixI8;
  if (name == "lanes") return Kernel::kLanes;
  throw std::invalid_argument(concat("kernel is '", name, "', expected 'matrix_f32', 'matrix_i8' or 'lanes'"));
}

std::vector<std::string> instruction_set_names(const std::string& kernel) {
  std::vector<std::string> names;
  for (const InstructionSet set : instruction_sets(find_kernel(kernel))) names.emplace_back(to_string(set));
  return names;
}

}  // namespace

InstructionSet find_instruction_set(Kernel kernel, const std::optional<std::string>& isa) {
  const std::vector<InstructionSet> sets = instruction_sets(kernel);
  if (!isa) return sets.front();
  std::string names;
  for (const InstructionSet set : sets) {
    if (to_string(set) == *isa) return set;
    names += concat(names.empty() ? "" : ", ", to_string(set));
  }
  throw std::invalid_argument(concat("isa is '", *isa, "', expected one that this processor has: ", names));
}

void bind_instruction_sets(py::module_& module) {
  module.def("instruction_sets", &instruction_set_names, "kernel"_a);
}

}  // namespace jaxcompress
