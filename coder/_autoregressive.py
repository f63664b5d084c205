"""Coding of latents whose distributions depend on the latents before them."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _rans
from ._arrays import float32_array
from ._coding import Buffer, CdfTables, _bytes, _native
from ._repair import limits

Order = Literal["raster", "wavefront"]


class RepairedLatent(NamedTuple):
    """What `ContextModel.decode_repaired` found.

    Attributes:
        y_hat: float32 ``[h, w, M]``.
        flipped: int64 ``[K, 3]``: rows, columns and channels of the scales that the encoder had on the other side of a
            threshold, in the order of the stream; none if the stream decodes as it is.
        tries: decodings after the first, which uses the scales as they are.
    """

    y_hat: NDArray[np.float32]
    flipped: NDArray[np.int64]
    tries: int


class ContextModel:
    """The part of an autoregressive model that runs once for each position: mbt2018's, cheng2020's, and their like.

    At each position a masked convolution sees the latents that raster order has decoded before; layers of size 1x1,
    with leaky ReLU between them, make scales and means of what it sees and of side information; a scale picks one of
    the tables, and the mean is what the latent is rounded around.

    Every number is one chain of float32 fused multiply-adds in a fixed order: the bias, then the inputs one by one
    (taps in raster order, channels within a tap; side information before context). So streams and latents have the
    same bits on every processor, with any number of threads, in whatever order positions are computed, and beside
    any other pictures. Other programs sum in other orders: a stream written by one of them decodes only if no scale
    is so near to a threshold that the last bits of a sum decide its table, and raises `StreamError` otherwise.

    The object does not change and threads may share it. The GIL is released while it codes.

    Two orders of positions in a stream:

    - "raster": row after row, as CompressAI. A decoder has to compute one position after another.
    - "wavefront": by ``column + (k + 1) / 2 * row`` and, where that is equal, by row. A decoder computes the
      positions where it is equal together, several times as fast.

    Arrays are taken as float32. `h`, `w`: the sides of a latent, which may be 0; `M`: its channels; `C`: those of its
    side information.
    """

    __slots__ = ("_native",)

    def __init__(
        self,
        context_kernel: ArrayLike,
        context_bias: ArrayLike,
        layers: Sequence[tuple[ArrayLike, ArrayLike]],
        scale_table: ArrayLike,
        *,
        slope: float = 0.01,
        isa: str | None = None,
    ):
        """Checks weights and packs them.

        Args:
            context_kernel: ``[k, k, M, X]`` of the masked convolution, k odd and at least 3. Taps from the centre on
                are not read.
            context_bias: ``[X]``.
            layers: kernel ``[inputs, outputs]`` and bias ``[outputs]`` of each 1x1 layer. The first has C + X inputs,
                side information before context; the last has 2 M outputs, scales before means.
            scale_table: ``[R]`` positive and ascending, R at most 256: the scales of the tables. A latent takes the
                table of the smallest that is not below its own scale (which counts as 0.11 if it is less), or the
                last.
            slope: of the leaky ReLU where its input is negative.
            isa: for tests, one of ``instruction_sets("matrix_f32")``; the fastest if None.

        Raises:
            ValueError: shapes that do not fit, weights that are not finite, or an `isa` that is not there.

        Source: Minnen et al. 2018, arXiv:1809.02736. CompressAI: ``JointAutoregressiveHierarchicalPriors``.
        """
        self._native = _rans.ContextModel(
            float32_array("context_kernel", context_kernel),
            float32_array("context_bias", context_bias),
            [
                (float32_array(f"the kernel of layers[{i}]", kernel), float32_array(f"the bias of layers[{i}]", bias))
                for i, (kernel, bias) in enumerate(layers)
            ],
            float32_array("scale_table", scale_table),
            slope,
            isa,
        )

    def encode(
        self,
        y: ArrayLike,
        hyper: ArrayLike,
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> bytes:
        """Encodes a latent.

        Args:
            y: ``[h, w, M]``.
            hyper: ``[h, w, C]``, side information.
            tables: one for each entry of `scale_table`.
            order: of positions in the stream; within a position symbols go channel after channel.
            threads: how many may work at most.

        Returns:
            The stream.

        Raises:
            ValueError: shapes that do not fit, side information that is not finite, or a latent that is not, or is
                2^27 or more from its mean or about that far from its table's values.
        """
        return self.encode_batch([y], [hyper], tables, order=order, threads=threads)[0]

    def decode(
        self,
        data: Buffer,
        hyper: ArrayLike,
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> NDArray[np.float32]:
        """Decodes a latent.

        Args:
            data: the stream, bytes or anything like it.
            hyper: what `encode` was given, in every bit.
            tables: what `encode` was given.
            order: what `encode` was given.
            threads: how many may work at most.

        Returns:
            y_hat, float32 ``[h, w, M]``: symbols plus means.

        Raises:
            StreamError: the stream is damaged, or was not made with these arguments.
            ValueError: shapes that do not fit, or side information that is not finite.
        """
        return self.decode_batch([data], [hyper], tables, order=order, threads=threads)[0]

    def encode_batch(
        self,
        ys: Sequence[ArrayLike],
        hypers: Sequence[ArrayLike],
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> list[bytes]:
        """Encodes several latents, which may differ in size, side by side: the streams that `encode` gives.

        Args:
            ys: the latents.
            hypers: the side information of each.
            tables: see `encode`, as are `order`, `threads` and errors.
        """
        return self._native.encode(_arrays("y", ys), _arrays("hyper", hypers), _native(tables), order, threads)

    def decode_batch(
        self,
        datas: Sequence[Buffer],
        hypers: Sequence[ArrayLike],
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> list[NDArray[np.float32]]:
        """Decodes several latents, which may differ in size, side by side: the arrays that `decode` gives.

        Faster than one by one, above all in raster order, since weights that are fetched serve all of them. A
        StreamError names the picture (by its position, from 0) and ends the decoding of all.

        Args:
            datas: the streams.
            hypers: the side information of each.
            tables: see `decode`, as are `order`, `threads` and errors.
        """
        streams = [_bytes(data) for data in datas]
        return self._native.decode(streams, _arrays("hyper", hypers), _native(tables), order, threads)

    def decode_repaired(
        self,
        data: Buffer,
        hyper: ArrayLike,
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
        max_tries: SupportsIndex = 1000,
        max_seconds: float = 10.0,
    ) -> RepairedLatent:
        """Decodes a latent although its encoder may have had other tables for a few scales.

        A program that sums in another order has other last bits, and a scale that is within rounding of a threshold
        between two tables may fall on its other side. From there on the stream decodes to noise, which only the end of
        the stream tells from a latent. Then this goes on to try sets of scales on the other side of their nearest
        threshold, in the order of the sums of their distances, relative to the threshold. Behind a flip all scales are
        others, so each set that fails adds candidates of its own: the 64 nearest scales behind its last flip, none
        farther than 1e-4. A set is decoded from its last flip on. Four are decoded side by side.

        A wrong set passes by chance with a probability below 2^-31 for each try. A flip at the last positions that does
        not change what follows is not noticed: one in some 10,000 of those.

        Args:
            data: the stream, bytes or anything like it.
            hyper: as for `decode`, if not in every bit.
            tables: what `encode` was given.
            order: what `encode` was given.
            threads: how many may work at most; they do not change what is found.
            max_tries: tries before it gives up.
            max_seconds: likewise, seconds by the clock; the first decoding has all the time it needs. A second of tries
                may take some 30 MB of memory.

        Returns:
            See `RepairedLatent`.

        Raises:
            StreamError: no set was found within the limits, and the message says how many were tried.
            ValueError: shapes that do not fit, side information that is not finite, or limits that are not numbers.
        """
        arrays = _bytes(data), float32_array("hyper", hyper), _native(tables)
        return RepairedLatent(*self._native.decode_repaired(*arrays, order, threads, *limits(max_tries, max_seconds)))

    def predict(
        self, y_hat: ArrayLike, hyper: ArrayLike, *, threads: SupportsIndex = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scales and means of a decoded latent, as coding it has them.

        Args:
            y_hat: ``[h, w, M]``.
            hyper: ``[h, w, C]``, side information.
            threads: how many may work at most.

        Returns:
            Scales and means, float32 ``[h, w, M]`` each.

        Raises:
            ValueError: shapes that do not fit, or side information that is not finite.
        """
        return self._native.predict(float32_array("y_hat", y_hat), float32_array("hyper", hyper), threads)


def _arrays(name: str, arrays: Sequence[ArrayLike]) -> list[NDArray[np.float32]]:
    return [float32_array(name if len(arrays) == 1 else f"{name}[{i}]", array) for i, array in enumerate(arrays)]
