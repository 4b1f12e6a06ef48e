"""Name a model by its content."""

import argparse
import sys

from deepdistill.errors import exit_code
from deepdistill.files import write_json
from deepdistill.models import model_identity, served_identity


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="model folder; with --revision, hub repository org/name")
    what.add_argument("--served", help="name of a model on a server")
    parser.add_argument("--revision", help="commit or tag of the hub repository, or of --served")
    parser.add_argument("--output", required=True, help="identity, JSON")
    args = parser.parse_args(argv)
    if args.served:
        identity = served_identity(args.served, args.revision)
    else:
        identity = model_identity(args.model, args.revision)
    write_json(args.output, identity)


if __name__ == "__main__":
    sys.exit(exit_code(main))
