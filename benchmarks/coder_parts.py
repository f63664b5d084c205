"""The parts of `coder.py`: a round of each for one message, and the rows of their tables."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from coder_messages import Message
from process import Process, ProcessError, measure
from reference import Reference
from report import median

from jaxcompress import coder

DIRECTIONS = "encode", "decode"
FLOOR_CYCLES = 9
BATCH = 6  # copies of a drawn message in a batch
COUNT = "count"
# What lanes should take at most, in ns per symbol.
TARGETS = {"avx512 encode": 1.0, "avx512 decode": 1.0, "avx2 decode": 1.3}


def cpu_time(action: Callable[[], Any]) -> tuple[Any, float]:
    """What an action returns, and the seconds of CPU time of this thread that it takes."""
    began = time.thread_time()
    result = action()
    return result, time.thread_time() - began


# ---------------------------------------------------------------- 1. from Python


def measure_python(message: Message, reference: Reference) -> dict[str, float]:
    """Seconds of a round."""
    symbols, indexes, tables, stream = message.symbols, message.indexes, message.tables, message.stream
    _, encode = cpu_time(lambda: coder.encode(symbols, indexes, tables))
    _, decode = cpu_time(lambda: coder.decode(stream, indexes, tables))
    theirs = reference.ask("code", message=message.path)
    if theirs["digest"] != hashlib.sha256(stream).hexdigest():
        raise ProcessError(f"{message.path.name}: CompressAI makes another stream")
    ours = {"encode": encode, "decode": decode}
    return ours | {f"CompressAI {what}": seconds for what, seconds in theirs["seconds"].items()}


def python_rows(name: str, messages: list[Message], rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 1."""
    count = sum(message.symbols.size for message in messages)
    rate = 8 * sum(len(message.stream) for message in messages) / count
    return [
        {
            "workload": f"{name}, {direction}",
            "symbols": count,
            "bits/symbol": rate,
            "ours ms": 1e3 * median(rounds, direction),
            "ns/symbol": 1e9 * median(rounds, direction) / count,
            "CompressAI ms": 1e3 * median(rounds, f"CompressAI {direction}"),
            "ratio": median(rounds, f"CompressAI {direction}", direction),
            "call ms": 1e3 * median(rounds, f"CompressAI {direction} call"),
            "ratio to call": median(rounds, f"CompressAI {direction} call", direction),
        }
        for direction in DIRECTIONS
    ]


# ---------------------------------------------------------------- 2. C++ cores, and 4. lanes


def measure_core(message: Message, core: Process) -> dict[str, float]:
    """Nanoseconds of a round: of a cycle, and of the message by each contestant of the C++ program."""
    times = core.ask("round")
    return {name: time if name == "cycle" else message.symbols.size * time for name, time in times.items()}


def measure_lanes(message: Message) -> dict[str, float]:
    """Nanoseconds of a round, for lanes with each set of instructions and for the compatible format."""
    symbols, indexes, tables = message.symbols, message.indexes, message.tables
    actions = {
        "compatible encode": lambda: coder.encode(symbols, indexes, tables),
        "compatible decode": lambda: coder.decode(message.stream, indexes, tables),
    }
    for isa in coder.instruction_sets("lanes"):
        actions[f"{isa} encode"] = lambda isa=isa: coder.encode_lanes(symbols, indexes, tables, isa=isa)
        actions[f"{isa} decode"] = lambda isa=isa: coder.decode_lanes(message.lanes, indexes, tables, isa=isa)
    found = {}
    for name, action in actions.items():
        result, seconds = cpu_time(action)
        found[name] = 1e9 * seconds
        if name.endswith("decode") and not np.array_equal(result, symbols):
            raise ProcessError(f"{message.path.name}: {name} gives other symbols than were encoded")
    return found


def core_rows(name: str, messages: list[Message], rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 2, of rounds that are sums over messages."""
    count = sum(message.symbols.size for message in messages)
    floor = FLOOR_CYCLES * median(rounds, "cycle") / len(messages)
    return [
        {
            "workload": f"{name}, {direction}",
            "ours ns/symbol": median(rounds, direction) / count,
            "floor ns": floor,
            "3 at once": median(rounds, f"{direction} 3 at once") / count,
            "CompressAI's": median(rounds, f"reference {direction}") / count,
            "ratio": median(rounds, f"reference {direction}", direction),
            "ratio, 3 at once": median(rounds, f"reference {direction}", f"{direction} 3 at once"),
        }
        for direction in DIRECTIONS
    ]


def lanes_rows(name: str, messages: list[Message], rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 4, of rounds that are sums over messages."""
    count = sum(message.symbols.size for message in messages)
    lanes, compatible = sum(len(one.lanes) for one in messages), sum(len(one.stream) for one in messages)
    return [
        {
            "workload": f"{name}, {isa}, {direction}",
            "ns/symbol": median(rounds, f"{isa} {direction}") / count,
            "best": min(one[f"{isa} {direction}"] for one in rounds) / count,
            "at most": TARGETS.get(f"{isa} {direction}"),
            "core of CompressAI/this": median(rounds, f"reference {direction}", f"{isa} {direction}"),
            "compatible/this": median(rounds, f"compatible {direction}", f"{isa} {direction}"),
            "bytes": lanes,
            "compatible bytes": compatible,
            "% more": 100 * (lanes / compatible - 1),
        }
        for isa in coder.instruction_sets("lanes")
        for direction in DIRECTIONS
    ]


# ---------------------------------------------------------------- 3. batches


def measure_batches(messages: list[Message]) -> dict[str, float]:
    """Seconds of a round, by direction and threads."""
    batch = messages if len(messages) > 1 else messages * BATCH
    symbols, indexes, streams = zip(*((m.symbols, m.indexes, m.stream) for m in batch), strict=True)
    tables = batch[0].tables
    found = {COUNT: sum(m.symbols.size for m in batch)}
    for threads in (1, 2):
        for direction, action in (
            ("encode", lambda n=threads: coder.encode_batch(symbols, indexes, tables, threads=n)),
            ("decode", lambda n=threads: coder.decode_batch(streams, indexes, tables, threads=n)),
        ):
            _, times = measure(action)
            found |= {f"{direction} wall, {threads}": times["wall"], f"{direction} CPU, {threads}": times["cpu"]}
    return found


def batch_rows(name: str, rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 3."""
    return [
        {
            "workload": f"{name}, {direction}",
            **{
                f"{threads} thread(s), {what}": 1e9 * median(rounds, f"{direction} {what}, {threads}", COUNT)
                for threads in (1, 2)
                for what in ("CPU", "wall")
            },
            "gain, wall": median(rounds, f"{direction} wall, 1", f"{direction} wall, 2"),
        }
        for direction in DIRECTIONS
    ]
