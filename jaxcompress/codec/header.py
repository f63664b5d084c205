"""The fields of a `.jxc` file's header, whatever version of the format they were read from."""

import dataclasses

from jaxcompress.codec.coded_string import EntropyMode, SymbolOrder


@dataclasses.dataclass(frozen=True)
class Header:
    """All fields of a `.jxc` file but its strings.

    Attributes:
        architecture: name of the model, ASCII, 1 to 255 characters.
        n: width of the transforms, 1 to 65535.
        m: channels of y, 1 to 65535.
        width: columns of the picture in pixels, before padding.
        height: rows of the picture in pixels, before padding.
        channels: 3 for colour, 1 for grey.
        bit_depth: bits of a sample; 8.
        padding: zeros added (top, bottom, left, right), in pixels; shared evenly, an odd one at the bottom or right.
        bits_fingerprint: 16 hex digits, see `Weights.bits_fingerprint`.
        synthesis_fingerprint: 16 hex digits, see `Weights.synthesis_fingerprint`.
        chunk_size: (height, width) of a chunk of y, in latents.
        icc_profile: colour profile of the picture, or nothing.
        entropy_mode: see `EntropyMode`.
        symbol_order: see `SymbolOrder`.
        settings: the model's settings that the picture was coded with, such as `(("rate", 49),)`: pairs of a name and a
            whole number below 2**32.
    """

    architecture: str
    n: int
    m: int
    width: int
    height: int
    channels: int
    bit_depth: int
    padding: tuple[int, int, int, int]
    bits_fingerprint: str
    synthesis_fingerprint: str
    chunk_size: tuple[int, int]
    icc_profile: bytes = b""
    entropy_mode: EntropyMode = EntropyMode.FLOAT
    symbol_order: SymbolOrder = SymbolOrder.RASTER
    settings: tuple[tuple[str, int], ...] = ()

    @property
    def padded_height(self) -> int:
        """Rows of the padded picture."""
        return self.height + self.padding[0] + self.padding[1]

    @property
    def padded_width(self) -> int:
        """Columns of the padded picture."""
        return self.width + self.padding[2] + self.padding[3]
