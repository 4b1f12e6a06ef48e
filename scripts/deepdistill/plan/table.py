"""A plan on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from deepdistill.plan import cells
from deepdistill.plan.units import duration, hours, money, of_range, spread

WIDTH = 140
"""Columns where the output is no terminal."""

SHOWN = 12
"""Reasons, warnings and rates that are listed; the JSON has all."""

Data = Mapping[str, Any]


def print_plan(plan: Data, stream: IO[str], color: bool | None = None) -> None:
    """Print a plan's data (:mod:`deepdistill.plan.summary`); ``color`` None: where it is fit."""
    tty = stream.isatty()
    console = Console(
        file=stream, width=None if tty else WIDTH, no_color=color is False, highlight=False
    )
    console.print()
    if plan["jobs"]:
        console.print(_stages(plan))
    for line in _lines(plan):
        console.print(line, soft_wrap=True)


def _stages(plan: Data) -> Table:
    table = Table(title="Plan", title_justify="left", title_style="bold", box=None, padding=(0, 1))
    table.add_column("stage", style="bold")
    table.add_column("")
    for column in cells.COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    last = None
    for entry in plan["stages"]:
        stage = entry["stage"] if entry["stage"] != last else ""
        last = entry["stage"]
        numbers = cells.numbers(entry, plan["currency"])
        table.add_row(stage, escape(cells.name(entry)), *numbers)
    table.add_section()
    table.add_row("total", "", *cells.numbers(plan["totals"], plan["currency"]), style="bold")
    return table


def _lines(plan: Data) -> Iterator[Text]:
    """What stands below the table."""
    currency = plan["currency"]
    if plan["jobs"]:
        total = plan["totals"]
        yield Text()
        low, expected, high = (money(v, currency) for v in of_range(total["money"]))
        gpu = ", ".join(
            f"{spread(*map(hours, of_range(total)))} GPU-h {kind}"
            for kind, total in total["gpu_hours"].items()
        )
        yield _labelled("cost", f"{spread(low, expected, high)}{'; ' if gpu else ''}{gpu}")
        yield from _time(plan["time"])
    else:
        yield _labelled("plan", "nothing to do")
    if done := cells.done(plan["done"], currency):
        yield _labelled("done", done)
    yield from _listed("saved", [cells.saved(entry, currency) for entry in plan["saved"]])
    yield from _listed("why", [cells.reason(reason, currency) for reason in plan["reasons"]])
    yield from _listed("warning", plan["warnings"], "yellow")
    if plan["rates"]:
        measured = [rate for rate in plan["rates"] if rate["jobs"]]
        yield _labelled(
            "sure",
            f"{len(measured)} of {len(plan['rates'])} numbers measured, by up to "
            f"{max((r['jobs'] for r in measured), default=0)} finished jobs; the others are "
            "defaults (config/cluster.yaml)",
        )


def _time(time: Data) -> Iterator[Text]:
    finish = spread(*map(duration, of_range(time["finish_seconds"])))
    limits = cells.limits(time)
    yield _labelled("finish", f"in {finish}" + (f" with {limits}" if limits else ""))
    steps = [step["rule"] for step in time["chain"]]
    yield _labelled("chain", f"{duration(time['chain_seconds'])}: {' → '.join(steps)}")


def _listed(label: str, lines: list[str], style: str = "") -> Iterator[Text]:
    for line in lines[:SHOWN]:
        yield _labelled(label, line, style)
    if len(lines) > SHOWN:
        yield _labelled(label, f"… and {len(lines) - SHOWN} more (--logger-plan-json)", style)


def _labelled(label: str, text: str, style: str = "") -> Text:
    return Text.assemble((f"{label:<8} ", "bold"), (text, style))
