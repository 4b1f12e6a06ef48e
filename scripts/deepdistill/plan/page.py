"""A plan as one HTML page that needs no network, in the report's look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from deepdistill.plan import cells
from deepdistill.plan.gantt import chart
from deepdistill.plan.units import duration, money, of_range, short, spread

RATES = 40
"""Rates that are listed, those of most jobs first."""


def page(plan: Mapping[str, Any]) -> str:
    """Return a plan's data (:mod:`deepdistill.plan.summary`) as an HTML document."""
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("deepdistill.plan"), PackageLoader("deepdistill.report")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    total, currency = plan["totals"], plan["currency"]
    low, expected, high = (money(value, currency) for value in of_range(total["money"]))
    finish = map(duration, of_range(plan["time"]["finish_seconds"]))
    return environment.get_template("plan.html").render(
        plan=plan,
        head=[
            ("jobs", short(total["jobs"])),
            ("cost", spread(low, expected, high)),
            ("finish", f"in {spread(*finish)}"),
            ("done", f"{plan['done']['share']:.0%}"),
        ],
        columns=cells.COLUMNS,
        stages=[(cells.name(entry), cells.numbers(entry, currency)) for entry in plan["stages"]],
        total=cells.numbers(total, currency),
        done=cells.done(plan["done"], currency),
        saved=[cells.saved(entry, currency) for entry in plan["saved"]],
        reasons=[cells.reason(reason, currency) for reason in plan["reasons"]],
        limits=cells.limits(plan["time"]),
        chain=[
            (" ".join([step["rule"], *step["wildcards"].values()]), duration(step["seconds"]))
            for step in plan["time"]["chain"]
        ],
        chain_time=duration(plan["time"]["chain_seconds"]),
        gantt=chart(plan["jobs"]),
        rates=[cells.rate(rate) for rate in plan["rates"][:RATES]],
    )
