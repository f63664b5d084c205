"""Entropy coding on the host: symbols to bytes and back, with CompressAI's exact bytes.

The coder is range asymmetric numeral systems (rANS; J. Duda, 2013, arXiv:1311.2540) in the variant of
CompressAI's ``compressai.ans``: for the same symbols, indexes and tables the bytes are the same. Unlike
there, every argument and every stream is checked.

Conventions: symbols are int32 and each has the index of the table that codes it, so symbols and indexes
have equal shapes. Any shape will do; the order of coding is C order, and positions in messages count in it.
Arrays of other integer dtypes are accepted when their values fit, and need not be contiguous. The GIL is
released while coding.

A stream holds no length, tables, indexes or checksum. Decoding raises `StreamError` unless it uses up the
whole stream and ends in the state where encoding began. That finds every truncation and extension and, with
the tables of an image model, nearly every changed bit; but a change may turn one valid stream into another,
so a container that must know adds a checksum. Where a few indexes may differ from the encoder's,
`decode_repaired` searches for those that let the stream end as it must.
"""

from ._autoregressive import ContextModel, RepairedLatent
from ._coding import CdfTables, Decoder, Encoder, decode, decode_batch, encode, encode_batch, pmf_to_cdf
from ._instruction_sets import instruction_sets
from ._integer import IntegerContextModel
from ._lanes import decode_lanes, encode_lanes
from ._rans import StreamError
from ._repair import Repaired, decode_repaired
from ._repair_lanes import decode_lanes_repaired

__all__ = [
    "CdfTables",
    "ContextModel",
    "Decoder",
    "Encoder",
    "IntegerContextModel",
    "Repaired",
    "RepairedLatent",
    "StreamError",
    "decode",
    "decode_batch",
    "decode_lanes",
    "decode_lanes_repaired",
    "decode_repaired",
    "encode",
    "encode_batch",
    "encode_lanes",
    "instruction_sets",
    "pmf_to_cdf",
]
