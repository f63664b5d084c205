"""`jaxcompress zoo`: pretrained weights by name."""

import argparse
import dataclasses
import json
from typing import Any

from jaxcompress.cli import common
from jaxcompress.metric_table import OBJECTIVES


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "zoo",
        run_list,
        help="list pretrained weights, or fetch published ones",
        example="jaxcompress zoo list\n"
        "  jaxcompress zoo fetch mbt2018-mean --quality 3\n"
        "  jaxcompress evaluate kodak -w $(jaxcompress zoo fetch mbt2018-mean --metric ms-ssim)\n"
        "  jaxcompress export $(jaxcompress zoo fetch mbt2018-mean-small) -o networks\n"
        "\n"
        "Commands that take --model fetch what they need by themselves. Weights are converted once, which needs\n"
        "PyTorch, and kept in `weights` in JAXCOMPRESS_HOME or the user's cache folder. JAXCOMPRESS_MIRROR is an\n"
        "address to fetch from instead; JAXCOMPRESS_OFFLINE=1 forbids to fetch.",
    )
    actions = parser.add_subparsers(metavar="list|fetch", required=True)
    listing = actions.add_parser("list", help="tell what there is")
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(run=run_list, parser=listing)
    fetch = actions.add_parser(
        "fetch", help="print the paths of weights files; published ones are fetched and converted"
    )
    fetch.add_argument("name", metavar="NAME", help="in `zoo list`, such as mbt2018-mean")
    fetch.add_argument("--quality", type=int, nargs="+", metavar="Q", help="from 1 (default: all)")
    fetch.add_argument("--metric", choices=OBJECTIVES, default=OBJECTIVES[0], help="default: mse")
    fetch.add_argument("--keep-checkpoint", action="store_true", help="keep the PyTorch checkpoint there too")
    fetch.set_defaults(run=run_fetch, parser=fetch)


def run_list(args: argparse.Namespace) -> None:
    """Runs `zoo list`."""
    from jaxcompress import zoo

    entries = zoo.entries()
    if args.json:
        facts = [dataclasses.asdict(entry) | {"path": entry.path and str(entry.path)} for entry in entries]
        print(json.dumps(facts, indent=2))
        return
    rows: dict[tuple[str, str], list[zoo.Entry]] = {}
    for entry in entries:
        rows.setdefault((entry.name, entry.metric or ""), []).append(entry)
    width = max(len(name) for name, _ in rows)
    for (name, metric), group in rows.items():
        print(f"{name:{width}}  {metric:7}  {_describe(group)}")


def _describe(group: list[Any]) -> str:
    """Which qualities there are and how large, and which are here."""
    here = [entry for entry in group if entry.path is not None]
    megabytes = f"{sum(entry.size for entry in here) / 1e6:.1f} MB"
    if group[0].quality is None:
        return f"bundled, {megabytes}; docs/models.md has its card"
    parts = [f"qualities 1 to {len(group)}"]
    if sizes := [round(entry.size / 1e6) for entry in group if entry.path is None]:
        parts.append(f"{min(sizes)} to {max(sizes)} MB each to fetch")
    if here:
        parts.append(f"cached: {' '.join(str(entry.quality) for entry in here)} ({megabytes})")
    return "; ".join(parts)


def run_fetch(args: argparse.Namespace) -> None:
    """Runs `zoo fetch`."""
    from jaxcompress import zoo

    if args.name in zoo.bundled():
        if args.quality is not None:
            raise ValueError(f"quality chooses among published models, and {args.name} is bundled; leave it out")
        print(zoo.bundled()[args.name])
        return
    for quality in args.quality or zoo.qualities(args.name, metric=args.metric):
        path = zoo.fetch(args.name, quality=quality, metric=args.metric, keep_checkpoint=args.keep_checkpoint)
        print(path, flush=True)
