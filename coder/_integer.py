"""Coding of latents whose distributions depend on the latents before them, by exact integer arithmetic."""

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _rans
from ._arrays import exact_array, float32_array
from ._autoregressive import Order
from ._coding import Buffer, CdfTables, _bytes, _native


class IntegerContextModel:
    """The integer twin of `ContextModel`: tables and means come from exact arithmetic, so files decode everywhere.

    Latents count 64ths: ``y_int = 64 y_hat``. With ``round(x, s) = (x + half) >> s``, half being ``(1 << s) >> 1`` and
    ``>>`` rounding down, in this order at each position:

    - The context sees ``u[i] = clamp(round(y_int[i], latent_shifts[i]), -128, 127)`` of the latents that raster order
      has decoded before, and 0 outside the latent.
    - First sums are ``side + sum(context_kernel[tap] * u[tap])`` over the taps before the centre. Side information has
      every bias, and what the hyper-latent contributes.
    - Layer j takes ``clamp(round(leaky(sums), hidden_shifts[j]), -8, 247)`` of the sums before it, where leaky(x) is x,
      or ``(x >> 7) + (x >> 9) + (x >> 12)`` if x is negative, and gives ``bias + inputs @ kernel``.
    - Of the last sums, ``v = round(sums, output_shifts)``, or ``sums << -shift`` where a shift is negative, the first M
      give the tables: as many thresholds as are less than v is the index. The others, clamped to +-2^21, are means in
      64ths.
    - Symbols are ``y - mean / 64`` in float32, rounded half to even. The decoded latent is
      ``y_int = 64 symbol + mean``.

    Nothing overflows 32 bits: the constructor finds the largest sums that weights allow. So streams and latents are the
    same on every machine, with any number of threads, in whatever order positions are computed, beside any other
    pictures, and by any other program that computes the same integers.

    The object does not change and threads may share it. The GIL is released while it codes. The orders of positions in
    a stream are those of `ContextModel`.

    Arrays of other dtypes than the ones given are errors. `h`, `w`: the sides of a latent, which may be 0; `M`: its
    channels; `X_0`: the outputs of the context; `X_1`, ...: those of the layers, the last of them 2 M.
    """

    __slots__ = ("_native",)

    def __init__(
        self,
        context_kernel: NDArray[np.int8],
        latent_shifts: NDArray[np.uint8],
        hidden_shifts: Sequence[NDArray[np.uint8]],
        layers: Sequence[tuple[NDArray[np.int8], NDArray[np.int32]]],
        output_shifts: NDArray[np.int8],
        thresholds: NDArray[np.int32],
        *,
        isa: str | None = None,
    ):
        """Checks weights and packs them.

        Args:
            context_kernel: int8 ``[k, k, M, X_0]`` of the masked convolution, k odd and at least 3. Taps from the
                centre on are not read. Of each output the sum of magnitudes is at most 2^22, so that the sum over the
                context is at most 2^29.
            latent_shifts: uint8 ``[M]``, 0 to 30.
            hidden_shifts: uint8 ``[X_j]``, 0 to 30, for the inputs of each layer.
            layers: kernel, int8 ``[X_j, X_{j+1}]``, and bias, int32 ``[X_{j+1}]``, of each 1x1 layer. Of each output
                the sum of magnitudes of the kernel, times 247, plus that of the bias is at most 2^30.
            output_shifts: int8 ``[2 M]``, -16 to 30, of scales and then means. None may let an output reach 2^31.
            thresholds: int32 ``[R - 1]``, ascending: between R tables, at most 256.
            isa: for tests: "avx512vnni", "avx2" or "portable", if this processor has it; the fastest if None. It does
                not change results.

        Raises:
            ValueError: other dtypes, shapes that do not fit, numbers out of their range, sums that may be too large, or
                an `isa` that is not there.

        Source: Balle et al. 2019, "Integer networks for data compression with latent-variable models" (ICLR); the model
        is that of Minnen et al. 2018, arXiv:1809.02736.
        """
        self._native = _rans.IntegerContextModel(
            exact_array("context_kernel", context_kernel, np.int8),
            exact_array("latent_shifts", latent_shifts, np.uint8),
            _exact_arrays("hidden_shifts", hidden_shifts, np.uint8),
            [
                (
                    exact_array(f"the kernel of layers[{i}]", kernel, np.int8),
                    exact_array(f"the bias of layers[{i}]", bias, np.int32),
                )
                for i, (kernel, bias) in enumerate(layers)
            ],
            exact_array("output_shifts", output_shifts, np.int8),
            exact_array("thresholds", thresholds, np.int32),
            isa,
        )

    def encode(
        self,
        y: ArrayLike,
        side: NDArray[np.int32],
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> bytes:
        """Encodes a latent.

        Args:
            y: ``[h, w, M]``, taken as float32.
            side: int32 ``[h, w, X_0]``, side information, at most 2^29 in magnitude.
            tables: one more than there are thresholds.
            order: of positions in the stream; within a position symbols go channel after channel.
            threads: how many may work at most.

        Returns:
            The stream.

        Raises:
            ValueError: shapes that do not fit, side information of another dtype or beyond its bound, a latent beyond
                2^15 in magnitude or not a number, or a symbol too far from its table's values.
        """
        return self.encode_batch([y], [side], tables, order=order, threads=threads)[0]

    def decode(
        self,
        data: Buffer,
        side: NDArray[np.int32],
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> NDArray[np.float32]:
        """Decodes a latent.

        Args:
            data: the stream, bytes or anything like it.
            side: what `encode` was given.
            tables: what `encode` was given.
            order: what `encode` was given.
            threads: how many may work at most.

        Returns:
            y_hat, float32 ``[h, w, M]``: symbols plus means, multiples of 1/64.

        Raises:
            StreamError: the stream is damaged, or was not made with these arguments.
            ValueError: shapes that do not fit, or side information of another dtype or beyond its bound.
        """
        return self.decode_batch([data], [side], tables, order=order, threads=threads)[0]

    def encode_batch(
        self,
        ys: Sequence[ArrayLike],
        sides: Sequence[NDArray[np.int32]],
        tables: CdfTables,
        *,
        order: Order = "raster",
        threads: SupportsIndex = 1,
    ) -> list[bytes]:
        """Encodes several latents, which may differ in size, side by side: the streams that `encode` gives.

        Args:
            ys: the latents.
            sides: the side information of each.
            tables: see `encode`, as are `order`, `threads` and errors.
        """
        latents = [float32_array(_name("y", i, len(ys)), y) for i, y in enumerate(ys)]
        return self._native.encode(latents, _exact_arrays("side", sides, np.int32), _native(tables), order, threads)

    def decode_batch(
        self,
        datas: Sequence[Buffer],
        sides: Sequence[NDArray[np.int32]],
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
            sides: the side information of each.
            tables: see `decode`, as are `order`, `threads` and errors.
        """
        streams = [_bytes(data) for data in datas]
        return self._native.decode(streams, _exact_arrays("side", sides, np.int32), _native(tables), order, threads)

    def predict(
        self, y_hat: ArrayLike, side: NDArray[np.int32], *, threads: SupportsIndex = 1
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Indexes and means of a decoded latent, as coding it has them.

        Args:
            y_hat: ``[h, w, M]``, taken as float32: multiples of 1/64, at most 98304 in magnitude.
            side: int32 ``[h, w, X_0]``, side information, at most 2^29 in magnitude.
            threads: how many may work at most.

        Returns:
            Indexes of tables, uint8, and means in 64ths, int32, ``[h, w, M]`` each.

        Raises:
            ValueError: shapes that do not fit, values that decoding cannot give, or side information of another dtype
                or beyond its bound.
        """
        return self._native.predict(float32_array("y_hat", y_hat), exact_array("side", side, np.int32), threads)


def _exact_arrays(name: str, arrays: Sequence[Any], dtype: DTypeLike) -> list[NDArray]:
    return [exact_array(_name(name, i, len(arrays)), array, dtype) for i, array in enumerate(arrays)]


def _name(name: str, number: int, count: int) -> str:
    return name if count == 1 else f"{name}[{number}]"
