"""Select the responses of one training set."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.schemas import SELECTED
from deepdistill.selection.select import select
from deepdistill.tables import write_artifact


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the set")
    parser.add_argument("--difficulty", required=True, help="the difficulty table")
    parser.add_argument("--verdicts", required=True, nargs="+", help="shards of the set's teacher")
    parser.add_argument("--config", required=True, type=json.loads, help="the set's entry, JSON")
    parser.add_argument("--seed", required=True, type=int, help="seed of the random choices")
    parser.add_argument("--output", required=True, help="Parquet artifact selected")
    args = parser.parse_args(argv)
    table = select(args.name, args.difficulty, args.verdicts, args.config, args.seed)
    write_artifact(args.output, SELECTED, table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
