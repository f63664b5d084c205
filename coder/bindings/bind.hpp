// What each file of this folder adds to the extension module.
#pragma once

#include <pybind11/pybind11.h>

namespace jaxcompress {

void bind_autoregressive(pybind11::module_& module);
void bind_instruction_sets(pybind11::module_& module);
void bind_integer(pybind11::module_& module);
void bind_lanes(pybind11::module_& module);
void bind_rans(pybind11::module_& module);
void bind_repair(pybind11::module_& module);

}  // namespace jaxcompress
