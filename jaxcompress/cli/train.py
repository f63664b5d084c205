"""`jaxcompress train`."""

import argparse
from typing import Any

from jaxcompress.cli import common


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "train",
        run,
        help="train a model, or go on with a run that was stopped",
        example="jaxcompress train mbt2018-mean --data pictures --out run\n"
        "  jaxcompress train mbt2018-mean --data pictures --out run --set quality=3 --set optimizer.schedule=cosine\n"
        "  jaxcompress train my_recipe.py --data shards --out run --coordinator host0:1234 --num-processes 4 "
        "--process-id 0\n"
        "  jaxcompress train pack pictures -o shards      (see jaxcompress train pack --help)\n"
        "\n"
        "The same command again goes on from the last checkpoint. Exit status: 0 the run is finished; 130 or 143 it\n"
        "was stopped by Ctrl-C or SIGTERM, and is saved; 2 anything else.",
    )
    parser.add_argument("recipe", metavar="RECIPE", help="Python file, or name of a bundled recipe (see --list)")
    parser.add_argument("--data", metavar="DIR", required=True, help="training pictures: folder, Vimeo-90K or shards")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for checkpoints, metrics and weights")
    parser.add_argument("--validation", metavar="DIR", help="pictures to validate with (default: taken from --data)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="replace a setting of the recipe; repeatable"
    )
    parser.add_argument("--list", action=_List, help="list the bundled recipes, and exit")
    group = parser.add_argument_group(
        "several processes", "found by themselves on TPU pods, Slurm and Open MPI; elsewhere give all three"
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="address of process 0")
    group.add_argument("--num-processes", type=int, metavar="N", help="how many there are")
    group.add_argument("--process-id", type=int, metavar="I", help="number of this one, from 0")


def run(args: argparse.Namespace) -> int:
    """Runs it."""
    from jaxcompress import train

    train.initialize(coordinator=args.coordinator, num_processes=args.num_processes, process_id=args.process_id)
    recipe = train.with_settings(train.load_recipe(args.recipe), args.set)
    try:
        path = train.run(recipe, data=args.data, output=args.out, validation_data=args.validation)
    except train.Interrupted as stop:
        common.warn(f"{stop}; the same command goes on from there")
        return 128 + stop.signal
    print(f"{path}: the last weights; {path.with_name('best.safetensors')}: those of the best validation")
    return 0


class _List(argparse.Action):
    """Prints the bundled recipes."""

    def __init__(self, **options: Any):
        super().__init__(nargs=0, **options)

    def __call__(self, *_: Any, **__: Any) -> None:
        from jaxcompress import train

        for name, path in train.bundled_recipes().items():
            print(f"{name}\n{path.read_text().split(chr(34) * 3)[1].strip()}\n")
        raise SystemExit(0)
