"""One layer of an integer network: its numbers, and the proof that no sum overflows.

Weights are int8, one scale for each output; signals are integers of 8 bits; sums are int32 and never round, so the
order of summation cannot matter. Between layers a sum is shifted right, by a number of its own for each output, and
clamped. A layer may add its own input (a residual connection), and its bias may depend on a setting, such as a
rate, of which there is a whole number of values. `docs/integer.md` writes out the arithmetic.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

SYMBOL_RANGE = (-128, 127)
"""Least and greatest symbol of z, and latent that a context sees. Values beyond are clamped."""

LEAKY_RANGE = (-8, 247)
"""Least and greatest output of leaky ReLU, whose negative side is a hundredth as wide."""

RELU_RANGE = (0, 255)
"""Least and greatest output of ReLU."""

RANGES = {"relu": RELU_RANGE, "leaky": LEAKY_RANGE}
"""Ranges of outputs by activation. Outputs without an activation are not clamped."""

FLOAT32_LIMIT = 2**24
"""Integers up to here are exact in float32, and so are sums of products that stay below, in any order."""

LARGEST_SIZE = 21
"""Largest side of a kernel: sums over the taps of one input stay below `FLOAT32_LIMIT`."""

LARGEST_FACTOR = 16
"""Largest factor of a shuffle."""

LARGEST_SKIP = 22
"""Largest left shift of an input that is added to its layer's sums."""

ARRAYS = ("kernel", "bias", "shift", "tap_bias", "skip")
"""Attributes of a layer that are arrays, some of which may be None."""

SUM_LIMIT = 2**30
"""Sums stay below it, so that one more rounding term fits in int32."""


@dataclasses.dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A convolution of stride 1 whose channels may then be shuffled into space, and what happens to its sums.

    A transposed convolution of stride 2 is one, too: its four phases are channels.

    Attributes:
        kernel: int8 `[k, k, in, out]`, k odd.
        bias: int32 `[out]`, or `[count, out]` with a row for each value of a setting.
        shift: int8 `[out]`, how far sums are shifted right (left where negative).
        factor: sides grow by it, while channels become `out / factor ** 2`.
        activation: "relu", "leaky", or "none".
        tap_bias: int32 `[k, k, out]`, added where the tap lies inside the picture: the medians of z. Or None.
        input_range: the least and the greatest input.
        skip: int8 `[out]`, or None. The layer adds its own input, shifted left by this, to what its activation makes of
            the sums.

    Raises:
        ValueError: arrays that do not fit each other, or sums that could overflow.
    """

    kernel: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    factor: int = 1
    activation: str = "none"
    tap_bias: np.ndarray | None = None
    input_range: tuple[int, int] = LEAKY_RANGE
    skip: np.ndarray | None = None

    def __post_init__(self):
        """Takes copies that nobody can change, and checks them."""
        for name in ARRAYS:
            if (array := getattr(self, name)) is not None:
                array = np.array(array)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        self._check()

    def _check(self) -> None:
        outputs = self.kernel.shape[-1]
        rows = self.bias.shape[:1] if self.bias.ndim == 2 and len(self.bias) else ()
        expected = {
            "kernel": (np.int8, self.kernel.shape),
            "bias": (np.int32, (*rows, outputs)),
            "shift": (np.int8, (outputs,)),
            "tap_bias": (np.int32, (*self.kernel.shape[:2], outputs)),
            "skip": (np.int8, (outputs,)),
        }
        for name, (dtype, shape) in expected.items():
            array = getattr(self, name)
            if array is not None and (array.dtype != dtype or array.shape != shape):
                raise ValueError(f"{name} is {array.dtype} {array.shape}; expected {np.dtype(dtype)} {shape}")
        if self.kernel.ndim != 4 or self.kernel.shape[0] != self.kernel.shape[1] or self.kernel.shape[0] % 2 == 0:
            raise ValueError(f"kernel has shape {self.kernel.shape}; expected [k, k, in, out] with k odd")
        if self.kernel.shape[0] > LARGEST_SIZE or 0 in self.kernel.shape:
            raise ValueError(
                f"kernel has shape {self.kernel.shape}; expected channels, and sides of at most {LARGEST_SIZE}"
            )
        if self.input_range not in (SYMBOL_RANGE, *RANGES.values()):
            raise ValueError(f"inputs lie in {self.input_range}; expected one of {(SYMBOL_RANGE, *RANGES.values())}")
        if self.factor not in range(1, LARGEST_FACTOR + 1) or outputs % self.factor**2:
            raise ValueError(f"{outputs} channels cannot be shuffled by a factor of {self.factor}")
        if self.activation not in ("relu", "leaky", "none"):
            raise ValueError(f"activation is {self.activation!r}; expected 'relu', 'leaky' or 'none'")
        self._check_skip()
        shift = self.shift.astype(np.int64)
        if shift.min(initial=0) < -16 or shift.max(initial=0) > 30:
            raise ValueError(f"shifts go from {shift.min()} to {shift.max()}; expected -16 to 30")
        largest = self.bound() << np.maximum(-shift, 0)
        if largest.max(initial=0) >= SUM_LIMIT:
            raise ValueError(f"sums could reach {largest.max()}, where {SUM_LIMIT} is too much for int32")

    def _check_skip(self) -> None:
        if self.skip is None:
            return
        inputs, outputs = self.kernel.shape[2:]
        if inputs != outputs or self.factor != 1 or self.activation == "none":
            raise ValueError(
                f"a layer of {inputs} inputs, {outputs} outputs, a shuffle by {self.factor} and the activation "
                f"{self.activation!r} adds its own input; expected equal numbers, no shuffle and an activation"
            )
        if self.skip.min() < 0 or self.skip.max() > LARGEST_SKIP:
            raise ValueError(f"skip goes from {self.skip.min()} to {self.skip.max()}; expected 0 to {LARGEST_SKIP}")

    def bound(self) -> np.ndarray:
        """Largest magnitude that a sum of each output can have, int64 `[out]`."""
        constant = np.abs(self.bias.astype(np.int64).reshape(-1, self.bias.shape[-1])).max(0)
        if self.tap_bias is not None:
            constant = constant + np.abs(self.tap_bias.astype(np.int64)).sum((0, 1))
        if self.skip is not None:
            constant = constant + (self.largest_input << self.skip.astype(np.int64))
        return self.largest_input * np.abs(self.kernel.astype(np.int64)).sum((0, 1, 2)) + constant

    def output_bound(self) -> np.ndarray:
        """Largest magnitude of each output that is shifted and not clamped, int64 `[out]`."""
        shift = self.shift.astype(np.int64)
        return ((self.bound() << np.maximum(-shift, 0)) >> np.maximum(shift, 0)) + 1

    @property
    def count(self) -> int | None:
        """Number of values of the setting that the bias depends on; None if it depends on none."""
        return len(self.bias) if self.bias.ndim == 2 else None

    @property
    def outputs(self) -> int:
        """Channels, after the shuffle."""
        return self.kernel.shape[-1] // self.factor**2

    @property
    def largest_input(self) -> int:
        """The largest absolute value of an input."""
        return max(map(abs, self.input_range))

    @property
    def output_range(self) -> tuple[int, int] | None:
        """The least and the greatest output, or None for outputs that are not clamped."""
        return RANGES.get(self.activation)

    def input_parts(self, *, by_tap: bool) -> list[slice]:
        """Groups of input channels whose sums stay exact in float32, over all taps or over each.

        Mostly there is one.

        Args:
            by_tap: products are summed for each tap of the kernel alone.
        """
        sizes = self.largest_input * np.abs(self.kernel.astype(np.int64))  # [k, k, in, out]
        sizes = sizes.reshape(-1, *sizes.shape[2:]) if by_tap else sizes.sum((0, 1))[None]
        return list(_parts(sizes))


def _parts(sizes: np.ndarray) -> Iterator[slice]:
    """Ranges of the middle axis over which sums stay below the limit of float32."""
    begin, total = 0, np.zeros(sizes[:, 0].shape, np.int64)
    for i in range(sizes.shape[1]):
        if (total + sizes[:, i]).max(initial=0) >= FLOAT32_LIMIT:
            yield slice(begin, i)
            begin, total = i, np.zeros_like(total)
        total = total + sizes[:, i]
    yield slice(begin, sizes.shape[1])
