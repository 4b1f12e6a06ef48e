"""Measure how difficult the queries are for each teacher."""

import argparse
import json
import sys
from pathlib import Path

from deepdistill.artifacts import shard_paths
from deepdistill.difficulty.table import difficulty_batches
from deepdistill.errors import exit_code
from deepdistill.schemas import difficulty
from deepdistill.tables import ROW_GROUP, write_batches


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, type=Path, help="folder queries/shards")
    parser.add_argument("--verdicts", required=True, type=Path, help="folder verdicts")
    parser.add_argument("--shards", required=True, type=int, help="their number")
    parser.add_argument(
        "--config", required=True, type=json.loads, help="teachers, ddof, policies and grades, JSON"
    )
    parser.add_argument("--threads", type=int, default=1, help="shards measured at a time")
    parser.add_argument("--output", required=True, help="Parquet artifact difficulty")
    args = parser.parse_args(argv)
    teachers, ddof = args.config["teachers"], args.config["ddof"]
    batches = difficulty_batches(
        queries=shard_paths(args.queries, args.shards),
        verdicts={name: shard_paths(args.verdicts / name, args.shards) for name in teachers},
        ddof=ddof,
        grades=args.config["grades"],
        threads=args.threads,
        policies=args.config["policies"],
    )
    write_batches(args.output, difficulty(teachers, ddof), batches, ROW_GROUP)


if __name__ == "__main__":
    sys.exit(exit_code(main))
