"""Whether streams are the same in every way that a machine can compute them, and a hash to compare machines by."""

import dataclasses
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcompress import coder
from jaxcompress.codec import container
from jaxcompress.codec.codec import Codec
from jaxcompress.codec.coded_string import EntropyMode
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.jxc import chunk_size
from jaxcompress.codec.picture import read_picture
from jaxcompress.entropy import to_symbols
from jaxcompress.integer import Parameters
from jaxcompress.verification import synthetic_latents
from jaxcompress.verification.variants import ROUND_TRIP, Expected, Subject, Variants

_SETTINGS = 4
"""Values of each of a model's settings that are verified."""


class Difference(NamedTuple):
    """One picture or file that came out differently.

    Attributes:
        source: its name.
        what: what differed.
    """

    source: str
    what: str


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to compute streams.

    Attributes:
        way: what it is.
        equal: how many pictures and files came out as expected.
        different: the others.
    """

    way: str
    equal: int
    different: tuple[Difference, ...]


@dataclasses.dataclass(frozen=True)
class Report:
    """What `verify` found.

    Attributes:
        rows: every way.
        skipped: why, by name, pictures and files were left out.
        hash: 32 hex digits, the same wherever weights, pictures and files are the same and streams are, too.
    """

    rows: tuple[Row, ...]
    skipped: Mapping[str, str]
    hash: str

    @property
    def all_equal(self) -> bool:
        """Whether no way gave anything else."""
        return not any(row.different for row in self.rows)


def verify(
    codec: Codec,
    sources: Iterable[tuple[str, bytes]],
    *,
    threads: Sequence[int] = (1, 2),
    step: Callable[[str, str], None] = lambda source, way: None,
) -> Report:
    """Codes pictures, and decodes files, in every way of this machine, and compares what they make.

    The ways are JAX's forms of the integer networks on each kind of device, and the coder's instruction sets, counts of
    threads, and orders of symbols. The analysis networks compute in floating point, so that a picture's own latents may
    differ by a rounding between machines, and the hash leaves them out. It is of latents that integers alone draw from
    the model, as large as each picture and seeded by its file, of what networks and coder make of them, and of the
    latents in `.jxc` files.

    Args:
        codec: with integer networks, if its model has a hyperprior.
        sources: names, and the bytes of image files and `.jxc` files. Neither names nor their order change the hash.
        threads: counts to code with.
        step: is called with a source and a way before the work.

    Returns:
        The report. Images that cannot be read, and files that other weights or float networks wrote, are skipped.

    Raises:
        ValueError: the weights lack integer networks, or a picture's latents cannot be coded.
    """
    verification = _Verification(codec, threads, step)
    for name, data in sources:
        verification.add(name, data)
    return verification.report()


class _Verification:
    """The state of `verify`."""

    def __init__(self, codec: Codec, threads: Sequence[int], step: Callable[[str, str], None]):
        self._codec = codec
        self._tables = codec.weights.tables
        layout = codec.model.layout
        self._ends = layout.latents[0], layout.last
        self._variants = Variants(codec, threads)
        self._step = step
        # By way and source: what differs, or nothing.
        self._found: dict[str, dict[str, str]] = {way: {} for way in self._variants.all}
        self._skipped: dict[str, str] = {}
        self._digests: list[bytes] = []

    def add(self, name: str, data: bytes) -> None:
        """Verifies one source."""
        is_file = data.startswith(container.MAGIC)
        try:
            subjects = [self._of_file(name, data)] if is_file else self._of_picture(data)
        except _Skipped as error:
            self._skipped[name] = str(error)
            return
        except (BitstreamError, coder.StreamError) as error:
            self._undecodable(name, error)
            return
        for subject in subjects:
            try:
                expected = self._variants.expect(subject)
            except (BitstreamError, coder.StreamError) as error:
                self._undecodable(name, error)
                return
            for way in self._variants.all:
                self._check(name, way, subject, expected)
            # Only what integers alone decide is hashed: drawn latents, or a file's.
            if is_file:
                self._digests.append(_digest(subject.z, expected.y_hat))
            elif subject.drawn:
                self._digests.append(_digest_all(subject, expected))

    def report(self) -> Report:
        """What was found."""
        rows = []
        for way, found in self._found.items():
            different = tuple(Difference(source, what) for source, what in found.items() if what)
            rows.append(Row(way, len(found) - len(different), different))
        weights = self._codec.weights
        fingerprint = weights.bits_fingerprint(integer=self._variants.networks is not None)
        total = hashlib.sha256(b"jaxcompress verify 1" + bytes.fromhex(fingerprint) + b"".join(sorted(self._digests)))
        return Report(tuple(rows), self._skipped, total.hexdigest()[:32])

    def _check(self, name: str, way: str, subject: Subject, expected: Expected) -> None:
        self._step(name, way)
        try:
            what = self._variants.all[way](subject, expected)
        except ValueError as error:  # such as streams that do not decode
            what = str(error)
        self._found[way][name] = self._found[way].get(name) or what

    def _undecodable(self, name: str, error: Exception) -> None:
        self._found[ROUND_TRIP][name] = str(error)
        self._digests.append(b"undecodable")

    def _of_picture(self, data: bytes) -> list[Subject]:
        """Its own latents, and drawn ones."""
        try:
            pixels = read_picture(io.BytesIO(data)).pixels
        except ValueError as error:
            raise _Skipped(str(error)) from error
        subjects = []
        for numbers in self._all_numbers():
            y, z = self._codec.analyse(pixels, numbers=numbers)
            symbols = None if z is None else to_symbols(np.rint(z - self._variants.latents.medians))
            chunk = chunk_size(y.shape)
            subjects.append(Subject(y, symbols, chunk, numbers=numbers))
            subjects.append(self._draw(y.shape, z, chunk, numbers, hashlib.sha256(data).digest()))
        return subjects

    def _all_numbers(self) -> list[dict[str, int]]:
        """Settings to verify with: the ends and two between."""
        settings = self._codec.model.layout.settings
        if not settings:
            return [{}]
        return [
            {setting.name: (setting.count - 1) * part // (_SETTINGS - 1) for setting in settings}
            for part in range(_SETTINGS)
        ]

    def _draw(
        self,
        shape: tuple[int, ...],
        z: np.ndarray | None,
        chunk: tuple[int, int],
        numbers: Mapping[str, int],
        seed: bytes,
    ) -> Subject:
        first, last = (self._tables[latent.prior.tables] for latent in self._ends)
        if z is None:
            y = synthetic_latents.draw_z(first, shape, seed) + self._variants.latents.medians
            return Subject(y.astype(np.float32), None, chunk, numbers=numbers, drawn=True)
        symbols = synthetic_latents.draw_z(first, z.shape, seed)
        y = self._variants.draw(last, symbols, numbers, seed)
        return Subject(y, symbols, chunk, numbers=numbers, drawn=True)

    def _of_file(self, name: str, data: bytes) -> Subject:
        """The latents that it decodes to."""
        try:
            header, strings = container.unpack(data)
            if header.entropy_mode == EntropyMode.FLOAT and self._variants.mode != EntropyMode.FLOAT:
                raise _Skipped("it was coded with floating-point networks, which differ between machines")
            self._codec.check_header(header)
        except BitstreamError as error:
            raise _Skipped(str(error)) from error
        stride, numbers = self._ends[1].stride, dict(header.settings)
        shape = header.padded_height // stride, header.padded_width // stride
        self._step(name, "decoding")
        how: Any = {"order": header.symbol_order, "threads": 1, "numbers": numbers}
        y = self._variants.latents.decode(strings, shape, header.chunk_size, **how)
        z = self._variants.latents.decode_z(strings[0], shape, threads=1) if self._variants.networks else None
        return Subject(y, z, header.chunk_size, strings, header.symbol_order, numbers)


class _Skipped(Exception):
    """Why a source is left out."""


def _digest_all(subject: Subject, expected: Expected) -> bytes:
    hyper = expected.hyper if isinstance(expected.hyper, Parameters) else (expected.hyper,)
    strings = [bytes(string.data) for native in (True, False) for string in expected.strings[native]]
    return _digest(subject.z, subject.y, *hyper, *(expected.parameters or ()), *strings, expected.y_hat)


def _digest(*parts: np.ndarray | bytes | None) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            # Adding 0 leaves one zero; integers and floats of 4 bytes are the same on every machine.
            part = str(part.shape).encode() + (part + 0).astype("<f4" if part.dtype.kind == "f" else "<i4").tobytes()
        digest.update(b"none" if part is None else hashlib.sha256(part).digest())
    return digest.digest()
