"""Distribute the kept queries of all sources over shards."""

import argparse
import json
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
    parser.add_argument(
        "--config", required=True, type=json.loads, help="shards, for a pilot also pilot, JSON"
    )
    parser.add_argument("--only", default="", help="how the names of wanted shards begin")
    parser.add_argument("--output-dir", required=True, type=Path, help="for SHARD.parquet files")
    args = parser.parse_args(argv)
    shards, most = args.config["shards"], args.config.get("pilot")
    for shard, table in shard_queries(args.sources, shards, args.only, most):
        write_artifact(args.output_dir / f"{shard}.parquet", SHARD, table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
