"""A decoder of `.jxc` files in Python and NumPy alone, written from the pages that specify the format.

It is for reading beside `docs/jxc-format.md`, and it works where neither JAX nor the C++ extension does. It takes the
bytes in the order in which they come and is slow: seconds for a small picture, minutes for a photograph. Files whose
tables come from floating-point networks (entropy mode 0 of models with a hyperprior) are the one thing it refuses.
"""

from jaxcompress.reference.container import File, read_file
from jaxcompress.reference.decoder import decode, decode_latents

__all__ = ["File", "decode", "decode_latents", "read_file"]
