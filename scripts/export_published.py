"""Export a teacher's responses in the layout of the published 40M data set."""

import argparse
import json
import sys
from pathlib import Path

from deepdistill.artifacts import shard_paths
from deepdistill.errors import exit_code
from deepdistill.export.published import Shard, export_published


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True, help="name of the teacher")
    parser.add_argument("--queries", required=True, type=Path, help="folder queries/shards")
    parser.add_argument("--responses", required=True, type=Path, help="the teacher's folder")
    parser.add_argument("--verdicts", required=True, type=Path, help="the teacher's folder")
    parser.add_argument("--shards", required=True, type=int, help="their number")
    parser.add_argument("--difficulty", required=True, help="the difficulty table")
    parser.add_argument(
        "--config", required=True, type=json.loads, help="names of teachers and model, JSON"
    )
    parser.add_argument("--output", required=True, help="manifest of the files beside it")
    args = parser.parse_args(argv)
    folders = (args.queries, args.responses, args.verdicts)
    paths = (shard_paths(folder, args.shards) for folder in folders)
    shards = [Shard(*found) for found in zip(*paths, strict=True)]
    export_published(shards, args.difficulty, args.teacher, args.config, args.output)


if __name__ == "__main__":
    sys.exit(exit_code(main))
