"""CompressAI's PyTorch checkpoints to jaxcompress weights, and back. Needs the `convert` extra (PyTorch)."""

from jaxcompress.convert.pytorch import from_pytorch, to_pytorch
from jaxcompress.convert.state_dict import from_state_dict, to_state_dict

__all__ = ["from_pytorch", "from_state_dict", "to_pytorch", "to_state_dict"]
