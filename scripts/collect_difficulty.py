"""Put the shards' difficulty rows into one table."""

import argparse
import sys

from deepdistill.errors import exit_code
from deepdistill.schemas import difficulty
from deepdistill.tables import iter_batches, write_batches


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", required=True, nargs="+", help="artifacts, in shard order")
    parser.add_argument("--teachers", required=True, nargs="+", help="names, as in the shards")
    parser.add_argument("--output", required=True, help="Parquet artifact difficulty")
    args = parser.parse_args(argv)
    artifact = difficulty(args.teachers)
    # Shards are ranges of the ids, so in their order the rows are sorted.
    batches = (batch for shard in args.shards for batch in iter_batches(shard, artifact))
    write_batches(args.output, artifact, batches)


if __name__ == "__main__":
    sys.exit(exit_code(main))
