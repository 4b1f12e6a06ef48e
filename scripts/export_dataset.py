"""Export a selected set as a data set ready to train on, with its data card."""

import argparse
import json
import sys
from pathlib import Path

from deepdistill.artifacts import shard_paths
from deepdistill.errors import exit_code
from deepdistill.export.card import data_card
from deepdistill.export.dataset import export_dataset
from deepdistill.files import atomic_path


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the set")
    parser.add_argument("--selected", required=True, help="artifact selected")
    parser.add_argument("--queries", required=True, type=Path, help="folder queries/shards")
    parser.add_argument("--responses", required=True, type=Path, help="the teacher's folder")
    parser.add_argument("--shards", required=True, type=int, help="their number")
    parser.add_argument(
        "--config", required=True, type=json.loads, help="the set's entry and the card's, JSON"
    )
    parser.add_argument("--output", required=True, help="manifest of the artifact datasets")
    parser.add_argument("--card", required=True, type=Path, help="data card, Markdown")
    args = parser.parse_args(argv)
    queries, responses = (shard_paths(f, args.shards) for f in (args.queries, args.responses))
    manifest = export_dataset(args.selected, queries, responses, args.output)
    card = data_card(args.name, args.selected, manifest, args.config)
    with atomic_path(args.card) as temporary:
        temporary.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(exit_code(main))
