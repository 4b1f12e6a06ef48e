"""Distribute the kept queries of all sources over shards."""

import argparse
import sys
from pathlib import Path

from deepdistill.errors import exit_code
from deepdistill.queries.shards import shard_queries
from deepdistill.schemas import SHARD
from deepdistill.tables import write_artifact


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", required=True, nargs="+", help="artifacts queries")
    parser.add_argument("--shards", required=True, type=int, help="number of shards")
    parser.add_argument("--only", default="", help="how the names of wanted shards begin")
    parser.add_argument("--output-dir", required=True, type=Path, help="for SHARD.parquet files")
    args = parser.parse_args(argv)
    for shard, table in shard_queries(args.sources, args.shards, args.only):
        write_artifact(args.output_dir / f"{shard}.parquet", SHARD, table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
