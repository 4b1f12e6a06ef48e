"""Name a model, or published responses, by their content."""

import argparse
import sys

from deepdistill.errors import exit_code
from deepdistill.files import write_json
from deepdistill.models import data_identity, model_identity


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="model folder; with --revision, hub repository org/name")
    what.add_argument("--published", help="file of published responses")
    parser.add_argument("--revision", help="commit or tag of the hub repository")
    parser.add_argument("--output", required=True, help="identity, JSON")
    args = parser.parse_args(argv)
    if args.published:
        identity = data_identity(args.published)
    else:
        identity = model_identity(args.model, args.revision)
    write_json(args.output, identity)


if __name__ == "__main__":
    sys.exit(exit_code(main))
