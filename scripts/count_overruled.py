"""Count the responses that the verifiers failed and the judge passed, by teacher and category."""

import argparse
import json
import sys
from pathlib import Path

from deepdistill.artifacts import shard_paths
from deepdistill.errors import exit_code
from deepdistill.files import write_json
from deepdistill.verification.overruled import count_overruled


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, type=Path, help="folder queries/shards")
    parser.add_argument("--checks", required=True, type=Path, help="folder checks")
    parser.add_argument("--judgements", required=True, type=Path, help="folder judgements")
    parser.add_argument("--shards", required=True, type=int, help="their number")
    parser.add_argument(
        "--config", required=True, type=json.loads, help="teachers and thresholds, JSON"
    )
    parser.add_argument("--output", required=True, help="JSON file")
    args = parser.parse_args(argv)
    queries = shard_paths(args.queries, args.shards)
    counts = {
        teacher: count_overruled(
            queries,
            shard_paths(args.checks / teacher, args.shards),
            shard_paths(args.judgements / teacher, args.shards),
            args.config["thresholds"],
        )
        for teacher in args.config["teachers"]
    }
    write_json(args.output, counts)


if __name__ == "__main__":
    sys.exit(exit_code(main))
