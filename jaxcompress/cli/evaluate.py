"""`jaxcompress evaluate`."""

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcompress import zoo
from jaxcompress.cli import common, results


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "evaluate",
        run,
        help="measure rate and distortion of learned codecs on pictures",
        example="jaxcompress evaluate kodak\n"
        "  jaxcompress evaluate kodak -w mbt2018-q*.safetensors cheng2020-q*.safetensors -o results --save\n"
        "  jaxcompress evaluate kodak -w run/best.safetensors --estimate\n"
        "  jaxcompress evaluate kodak -q 10 25 40 60 80\n"
        "  jaxcompress evaluate kodak --model mbt2018-mean cheng2020-anchor\n"
        "\n"
        "Weights of one architecture, trained for one metric, make a curve; so does one network whose rate can be\n"
        "set. Bits are those of the .jxc files. Each picture is coded, decoded and compared with the original in\n"
        "8 bits. What is written is CompressAI's JSON, and more, which `jaxcompress plot`, `bd-rate` and `report`\n"
        "read.\n"
        "\n"
        "Exit status: 0 done; 1 some pictures failed, and are left out; 2 bad input, nothing was written.",
    )
    results.add_arguments(parser)
    parser.add_argument(
        "-q",
        "--qualities",
        metavar="Q",
        type=results.quality,
        nargs="+",
        help="points of the curve: 1 to 100 for models whose rate can be set (default: 10 25 40 60 80); otherwise "
        "some of the weights' own (default: all)",
    )
    add_codecs(parser)
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="code nothing: estimate the bits by the likelihoods (no times of a coder)",
    )
    parser.add_argument(
        "--strings-only",
        action="store_true",
        help="count the entropy-coded strings alone, as CompressAI does, and no header",
    )


def add_codecs(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which weights to use."""
    parser.add_argument(
        "-w", "--weights", metavar="FILE", nargs="+", default=[], help=".safetensors, or CompressAI's .pth.tar"
    )
    common.add_recipe(parser)
    parser.add_argument(
        "--model",
        metavar="NAME",
        nargs="+",
        default=[],
        help=f"names in `jaxcompress zoo list` (default: {zoo.DEFAULT}); of published models all qualities, trained "
        "for mse: for others see `zoo fetch`",
    )
    parser.add_argument(
        "--entropy",
        choices=("integer", "float"),
        help="arithmetic of the streams, see `encode` (default: as the weights have)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs it."""
    if args.estimate and args.strings_only:
        raise ValueError("--estimate makes no strings whose bits --strings-only could count; give one of the two")
    codecs = load_codecs(Choice.of(args), estimate=args.estimate)
    return results.run(codecs, args.qualities, results.Options.of(args), count_header=not args.strings_only)


class Choice(NamedTuple):
    """The weights that the options of `add_codecs` name.

    Attributes:
        files: weights files and checkpoints.
        recipe: Python file with the model of `files`, if it is the user's own.
        models: names of bundled and published weights.
        entropy: "integer" or "float", if the user says so.
    """

    files: Sequence[str]
    recipe: str | None
    models: Sequence[str]
    entropy: str | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Choice":
        """Takes them from a command's arguments."""
        return cls(args.weights, args.recipe, args.model, args.entropy)


def load_codecs(choice: Choice, *, estimate: bool = False) -> list[Any]:
    """A learned codec for each curve that the weights make."""
    from jaxcompress.evaluate import LearnedCodec, curve_name

    if choice.recipe is not None and not choice.files:
        raise ValueError("--recipe is for weights of your own; give them with --weights FILE")
    load = functools.partial(common.load_weights, recipe=choice.recipe, integer=choice.entropy != "float")
    bundled = zoo.bundled()
    sources = {path: load(path) for path in choice.files}
    for name in choice.models or ([] if sources else [zoo.DEFAULT]):
        if zoo.is_published(name):
            sources |= {f"{name} {quality}": zoo.load(name, quality=quality) for quality in zoo.qualities(name)}
        else:
            sources[name] = zoo.load(name)
    curves: dict[str, dict[str, Any]] = {}
    for source, weights in sources.items():
        # Bundled weights are a curve by themselves; others go by what they are.
        curves.setdefault(source if source in bundled else curve_name(weights), {})[source] = weights
    return [
        LearnedCodec(_by_quality(group), name=name, estimate=estimate, entropy=choice.entropy)
        for name, group in curves.items()
    ]


def _by_quality(group: Mapping[str, Any]) -> dict[Any, Any]:
    """Weights by quality if each tells its own, else by lambda, ascending; else by the names of files."""
    for key in ("quality", "lambda"):
        values = [weights.metadata.get(key) for weights in group.values()]
        if all(isinstance(value, (int, float)) for value in values) and len(set(values)) == len(values):
            return dict(sorted(zip(values, group.values(), strict=True), key=lambda pair: pair[0]))
    stems = {Path(source).stem: weights for source, weights in group.items()}
    return stems if len(stems) == len(group) else dict(group)
