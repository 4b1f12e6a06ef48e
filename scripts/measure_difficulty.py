"""Measure how difficult one shard's queries are for each teacher."""

import argparse
import json
import sys

from deepdistill.difficulty.table import measure_difficulty
from deepdistill.errors import exit_code
from deepdistill.schemas import SHARD, VERDICTS, difficulty
from deepdistill.tables import read_artifact, write_artifact


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--verdicts", required=True, nargs="+", help="artifacts, one per teacher")
    parser.add_argument(
        "--config", required=True, type=json.loads, help="teachers, ddof and grades, JSON"
    )
    parser.add_argument("--output", required=True, help="Parquet artifact difficulty")
    args = parser.parse_args(argv)
    teachers = args.config["teachers"]
    paths = dict(zip(teachers, args.verdicts, strict=True))
    columns = ["query_id", "pass", "state", "verify_score"]
    verdicts = {name: read_artifact(path, VERDICTS, columns) for name, path in paths.items()}
    queries = read_artifact(args.queries, SHARD, ["query_id", "category", "source"])
    table = measure_difficulty(queries, verdicts, args.config["ddof"], args.config["grades"])
    write_artifact(args.output, difficulty(teachers), table)


if __name__ == "__main__":
    sys.exit(exit_code(main))
