// Instruction sets as Python names them.
#pragma once

#include <optional>
#include <string>

#include "jaxcompress/instruction_sets.hpp"

namespace jaxcompress {

// What the argument `isa` of a function that uses the kernel means; without a name, the fastest. Throws
// std::invalid_argument for a name that is not in instruction_sets(kernel).
InstructionSet find_instruction_set(Kernel kernel, const std::optional<std::string>& isa);

}  // namespace jaxcompress
