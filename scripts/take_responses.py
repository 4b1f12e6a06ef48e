"""Take one shard's responses from those that a teacher has published."""

import argparse
import json
import sys

from deepdistill.artifacts import metrics_path
from deepdistill.errors import exit_code
from deepdistill.responses.published.take import take_shard
from deepdistill.schemas import SHARD
from deepdistill.tables import read_artifact


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries/shards")
    parser.add_argument("--published", required=True, help="artifact published")
    parser.add_argument("--config", required=True, type=json.loads, help="passes and format, JSON")
    parser.add_argument("--repairs", type=int, default=0, help="times the shard was damaged")
    parser.add_argument("--output", required=True, help="Parquet artifact responses")
    args = parser.parse_args(argv)
    take_shard(
        queries=read_artifact(args.queries, SHARD, ["query_id"]),
        published=args.published,
        config=args.config,
        output=args.output,
        metrics=metrics_path(args.output),
        repairs=args.repairs,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
