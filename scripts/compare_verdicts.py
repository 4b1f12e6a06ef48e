"""Compare one teacher's verdicts with a published answer key and print where they differ."""

import argparse
import sys

from deepdistill.errors import exit_code
from deepdistill.schemas import QUERIES, VERDICTS
from deepdistill.tables import read_artifact
from deepdistill.verification.agreement import agreement_report, compare_with_key, read_key


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, help="artifact queries of the source")
    parser.add_argument(
        "--verdicts", required=True, nargs="+", help="artifacts verdicts, all shards"
    )
    parser.add_argument("--key", required=True, help="JSON lines, a line per line of the source")
    parser.add_argument(
        "--field", required=True, help="true or false in the key; dots lead inwards"
    )
    args = parser.parse_args(argv)
    columns = ["query_id", "source_line", "kept"]
    comparisons = compare_with_key(
        read_artifact(args.queries, QUERIES, columns),
        [
            read_artifact(path, VERDICTS, ["query_id", "pass", "state", "detail"])
            for path in args.verdicts
        ],
        read_key(args.key, args.field),
    )
    sys.stdout.write(agreement_report(comparisons))


if __name__ == "__main__":
    sys.exit(exit_code(main))
