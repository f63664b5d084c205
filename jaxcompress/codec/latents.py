"""Latents to strings and back, by the layout of a model: side information first, then y in chunks."""

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress import coder
from jaxcompress.codec.chunk_coders import chunk_coder
from jaxcompress.codec.chunks import ChunkCoder, CodedChunk, Coding, Picture
from jaxcompress.codec.coded_string import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.one_pass import DAMAGED, ChannelCoder
from jaxcompress.codec.progress import progress_bar
from jaxcompress.codec.side_information import FloatSideInformation, IntegerSideInformation
from jaxcompress.codec.tiled import WindowSizes
from jaxcompress.codec.windows import Area, Size, intersect, tiles
from jaxcompress.integer import IntegerEvaluator
from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights

_FLOAT_ADVICE = (
    ". If they are whole, decode them with the weights, the program and the kind of processor that wrote them: "
    "elsewhere floating-point arithmetic may give other scales"
)
_OTHER_PARAMETERS = (
    "the integer networks give other tables than those the file was written with. Either its writer or this device "
    "does not compute exactly: run `jaxcompress verify` on both, and decode on the CPU (JAX_PLATFORMS=cpu); or a part "
    "of the file is damaged"
)

# Chunks that go to the coder at once, for each thread.
_CHUNKS_PER_THREAD = 4

Numbers = Mapping[str, int]


class LatentCoder:
    """Codes the latents of single pictures.

    Args:
        weights: trained weights.
        model: the module they belong to.
        variables: their parameters, on the device, as `model.apply` takes them.
        windows: that its networks run on, by stage.
        entropy: what computes scales and means.
        progress: show bars on standard error.
        isa: instructions that y is coded with, of `coder.instruction_sets`; the fastest if not given.
    """

    def __init__(
        self,
        weights: Weights,
        model: CompressionModel,
        variables: Mapping[str, Any],
        windows: Mapping[str, WindowSizes | None],
        entropy: EntropyMode,
        *,
        progress: bool,
        isa: str | None = None,
    ):
        self._layout = model.layout
        self._progress = progress
        self._advice = ""  # where strings do not decode
        first = self._layout.latents[0].prior
        medians = first.medians(weights.params)
        if medians is None or len(self._layout.latents) > 2:
            raise ValueError(
                f"{type(model).__name__} has the latents {', '.join(latent.name for latent in self._layout.latents)}; "
                f"a Codec codes y alone or after one hyper-latent, and the first by a factorized prior"
            )
        self._channels = ChannelCoder(weights.tables[first.tables].coder_tables, medians, isa=isa)
        if self._layout.side is None:
            return
        self._in_windows = windows["hyper_synthesis"] is not None
        tables = weights.tables[self._layout.last.prior.tables]
        scale_table = tuple(np.asarray(tables.scale_table).tolist())
        evaluator = None
        if entropy == EntropyMode.INTEGER:
            evaluator = IntegerEvaluator(weights.require_integer())
        self._side: FloatSideInformation | IntegerSideInformation
        if evaluator is None:
            self._advice = _FLOAT_ADVICE
            self._side = FloatSideInformation(model, variables, scale_table, medians, windows["hyper_synthesis"])
        else:
            self._side = IntegerSideInformation(evaluator, self._layout, windows["hyper_synthesis"])
        self._chunks: ChunkCoder = chunk_coder(
            weights, model, variables, self._side, evaluator, progress=progress, isa=isa
        )

    @property
    def native_order(self) -> SymbolOrder:
        """The order of symbols in strings of our own."""
        return self._chunks.native_order if self._layout.side else SymbolOrder.RASTER

    @property
    def medians(self) -> np.ndarray:
        """float32 `[C]` of the first latent."""
        return self._channels.medians

    def encode(
        self,
        y: np.ndarray,
        z: np.ndarray | None,
        chunk: Size,
        *,
        native: bool,
        threads: int,
        numbers: Numbers | None = None,
    ) -> list[CodedString]:
        """Strings of one picture: z, if there is one, then the chunks of y.

        Args:
            y: float32 `[h, w, M]`.
            z: likewise, or None.
            chunk: height and width of the chunks of y.
            native: in whatever format and order suits us best, else as CompressAI does.
            threads: how many may work at most.
            numbers: of the model's settings.
        """
        areas, numbers = tiles(y.shape, chunk), numbers or {}
        how: Any = {"native": native, "threads": threads}
        if z is None:
            return [self._channels.encode(self._channels.symbols(y[area]), **how) for area in areas]
        z_symbols = self._channels.symbols(z)
        strings = [self._channels.encode(z_symbols, **how)]
        with progress_bar("coding", len(areas), show=self._progress) as bar:
            known = self._known(z_symbols, areas, numbers)
            for group in _groups(areas, threads):
                knowns = list(itertools.islice(known, len(group)))
                coded = self._chunks.encode([y[area] for area in group], knowns, Coding(native, threads, numbers))
                for string, found in zip(coded, knowns, strict=True):
                    checksum = zlib.crc32(string.data, self._side.checksum(found))
                    strings.append(string._replace(checksum=checksum))
                bar.update(len(group))
        return strings

    def decode(
        self,
        strings: Sequence[CodedString],
        shape: Size,
        chunk: Size,
        *,
        order: SymbolOrder,
        threads: int,
        numbers: Numbers | None = None,
        area: Area | None = None,
    ) -> np.ndarray:
        """y_hat `[h, w, M]` of one picture: the inverse of `encode`.

        Args:
            strings: what it returned. Their checksums are compared where they have one.
            shape: height and width of y.
            chunk: as there.
            order: of the symbols.
            threads: how many may work at most.
            numbers: of the model's settings.
            area: decode only chunks that overlap with it; anything is in the others.

        Raises:
            BitstreamError: the strings do not decode.
        """
        areas, others = tiles(shape, chunk), len(self._layout.latents) - 1
        if len(strings) != others + len(areas):
            raise BitstreamError(
                f"there are {len(strings)} strings, where the picture and its chunks make {others + len(areas)}"
            )
        wanted = [pair for pair in zip(areas, strings[others:], strict=True) if not area or intersect(pair[0], area)]
        y_hat = np.empty((*shape, self._layout.last.channels), np.float32)
        try:
            if self._layout.side is None:
                if order != SymbolOrder.RASTER:
                    raise BitstreamError(
                        f"the file has the symbol order {order.name.lower()}, which has no meaning here"
                    )
                for place, string in wanted:
                    symbols = self._channels.decode(string, y_hat[place].shape, threads=threads)
                    y_hat[place] = symbols + self._channels.medians
                return y_hat
            z_symbols = self.decode_z(strings[0], shape, threads=threads)
            self._decode_y(wanted, Picture(z_symbols, order, threads, numbers or {}), y_hat)
        except coder.StreamError as error:
            raise BitstreamError(f"the strings do not decode ({error}){self._advice}") from error
        return y_hat

    def decode_z(self, string: CodedString, shape: Size, *, threads: int) -> np.ndarray:
        """Symbols of z `[h', w', N]` under latents of `shape` `(h, w)`.

        Raises:
            StreamError: the string is damaged, or of other tables.
        """
        side, last = self._layout.latents[0], self._layout.last
        height, width = (size * last.stride // side.stride for size in shape)
        return self._channels.decode(string, (height, width, side.channels), threads=threads)

    def _known(self, z_symbols: np.ndarray, areas: Sequence[Area], numbers: Numbers) -> Iterator[Any]:
        """Side information of each area, computed when its turn comes; or at once, if h_s runs on whole pictures."""
        if self._in_windows:
            return (self._side(z_symbols, area, numbers) for area in areas)
        grows = self._layout.latents[0].stride // self._layout.last.stride
        height, width = (grows * size for size in z_symbols.shape[:2])
        whole = self._side(z_symbols, (slice(0, height), slice(0, width)), numbers)
        return (jax.tree.map(lambda a, area=area: a[area], whole) for area in areas)

    def _decode_y(self, wanted: Sequence[tuple[Area, CodedString]], picture: Picture, y_hat: np.ndarray) -> None:
        """Decodes chunks of y into their places."""
        known = self._known(picture.z_symbols, [area for area, _ in wanted], picture.numbers)
        with progress_bar("decoding", len(wanted), show=self._progress) as bar:
            for group in _groups(wanted, picture.threads):
                chunks = [
                    CodedChunk(area, string, found)
                    for (area, string), found in zip(group, itertools.islice(known, len(group)), strict=True)
                ]
                for chunk in chunks:
                    _check(chunk.string, self._side.checksum(chunk.known))
                for chunk, part in zip(chunks, self._chunks.decode(chunks, picture), strict=True):
                    y_hat[chunk.area] = part
                bar.update(len(group))


def _groups(chunks: Sequence[Any], threads: int) -> Iterator[Sequence[Any]]:
    """As many chunks as are coded at once, and so are in memory with their parameters."""
    size = _CHUNKS_PER_THREAD * threads
    return (chunks[i : i + size] for i in range(0, len(chunks), size))


def _check(string: CodedString, parameters: int) -> None:
    """Raises BitstreamError unless a string has the checksum that its writer found, after that of its parameters."""
    if string.checksum is not None and string.checksum != zlib.crc32(string.data, parameters):
        raise BitstreamError(_OTHER_PARAMETERS if parameters else DAMAGED)
