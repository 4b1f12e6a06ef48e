"""Say what a change costs before it is made: compare the plans of two configurations."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from deepdistill.errors import exit_code
from deepdistill.plan.compare import COLUMNS, differences, read_plan, summary_lines


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", help="JSON of a dry-run's --logger-plan-json")
    parser.add_argument("after", help="the same after the change")
    args = parser.parse_args(argv)
    before, after = read_plan(args.before), read_plan(args.after)
    table = Table("after − before", box=None, padding=(0, 1))
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for row in differences(before, after):
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(table)
    for line in summary_lines(before, after):
        console.print(line, soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(exit_code(main))
