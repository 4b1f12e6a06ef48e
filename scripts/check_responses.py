"""Check one teacher's responses to one shard by the verifiers, as far as that is not done yet."""

import argparse
import json
import sys

from deepdistill.artifacts import metrics_path
from deepdistill.errors import exit_code
from deepdistill.schemas import RESPONSES, SHARD
from deepdistill.tables import read_artifact
from deepdistill.verification.shard import check_shard


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--responses", required=True, help="artifact responses")
    parser.add_argument("--config", required=True, type=json.loads, help="verifiers, JSON")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--repairs", type=int, default=0, help="times the shard was damaged")
    parser.add_argument("--output", required=True, help="Parquet artifact checks")
    args = parser.parse_args(argv)
    check_shard(
        queries=read_artifact(args.queries, SHARD),
        responses=read_artifact(
            args.responses, RESPONSES, ["query_id", "pass", "answer", "problem"]
        ),
        config=args.config,
        workers=args.workers,
        output=args.output,
        metrics=metrics_path(args.output),
        repairs=args.repairs,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
