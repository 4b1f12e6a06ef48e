"""Verify one teacher's responses to one shard, as far as the verdicts are not there yet."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.schemas import RESPONSES, SHARD
from deepdistill.tables import read_artifact
from deepdistill.verification.shard import verify_shard


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--responses", required=True, help="artifact responses")
    parser.add_argument("--config", required=True, type=json.loads, help="verification, JSON")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--output", required=True, help="Parquet artifact verdicts")
    parser.add_argument("--metrics", required=True, help="JSON")
    args = parser.parse_args(argv)
    verify_shard(
        read_artifact(args.queries, SHARD),
        read_artifact(args.responses, RESPONSES),
        args.config,
        args.workers,
        args.output,
        args.metrics,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
