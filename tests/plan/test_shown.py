from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepdistill.config import check_config
from deepdistill.errors import InputError
from deepdistill.plan.build import Plan, build_plan
from deepdistill.plan.compare import differences, read_plan, summary_lines
from deepdistill.plan.gantt import chart
from deepdistill.plan.jobs import Job
from deepdistill.plan.page import page
from deepdistill.plan.session import Session
from deepdistill.plan.summary import summary
from deepdistill.plan.table import print_plan
from deepdistill.plan.units import duration, hours, money, short, size

SHARDS = ["00000-of-00002", "00001-of-00002"]
REASON = "Missing output files: x"


def config(root: Path, results: Path) -> dict[str, Any]:
    settings = yaml.safe_load((root / "tests/staleness/config.yaml").read_text())
    settings |= {
        "cluster": str(root / "config/cluster.yaml"),
        "pathvars": {"results": str(results)},
    }
    return check_config(settings)


def job(number: int, rule: str, after: tuple[int, ...] = (), **wildcards: str) -> Job:
    resources = {"gpu": 1, "runtime": 1} if rule == "train" else {}
    files = [f"{n}.digest.json" for n in after]
    outputs = [f"{number}.digest.json"]
    return Job(number, rule, wildcards, files, outputs, REASON, "true", 1, resources)


@pytest.fixture(scope="module")
def plan(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    session = Session(config(root, tmp_path_factory.mktemp("results")), {"gpu": 2.0, "_nodes": 3.0})
    jobs = [
        job(1, "generate_responses", teacher="learner", shard=SHARDS[0]),
        job(2, "generate_responses", teacher="learner", shard=SHARDS[1]),
        job(3, "check_responses", (1,), teacher="learner", shard=SHARDS[0]),
        job(4, "train", (2, 3), recipe="stage1"),
    ]
    return build_plan(session, jobs)


@pytest.fixture(scope="module")
def data(plan: Plan) -> dict[str, Any]:
    return json.loads(json.dumps(summary(plan)))


def test_the_plan_adds_up(data: dict[str, Any]) -> None:
    stages, total = data["stages"], data["totals"]
    assert [s["rule"] for s in stages] == ["generate_responses", "check_responses", "train"]
    assert total["jobs"] == sum(s["jobs"] for s in stages) == len(data["jobs"]) == 4
    for part in ("low", "expected", "high"):
        for key in ("rows", "money", "tokens_out"):
            parts = sum(s[key][part] for s in stages)
            assert total[key][part] == pytest.approx(parts)
            assert total[key]["low"] <= total[key]["expected"] <= total[key]["high"]
    assert total["rows"]["expected"] == pytest.approx(
        sum(job["rows"]["expected"] for job in data["jobs"])
    )
    assert not total["exact"]
    assert [r["jobs"] for r in data["reasons"]] == [4]


def test_time_is_that_of_the_schedule(data: dict[str, Any]) -> None:
    finish = data["time"]["finish_seconds"]
    assert finish["expected"] == max(job["end"] for job in data["jobs"])
    assert finish["low"] < finish["expected"] < finish["high"]
    assert [step["rule"] for step in data["time"]["chain"]][-1] == "train"
    assert data["time"]["chain_seconds"] <= finish["expected"]


def test_rates_say_where_they_come_from(data: dict[str, Any]) -> None:
    assert data["rates"]
    assert all(rate["source"] and rate["jobs"] == 0 for rate in data["rates"])
    assert any("rests on defaults alone" in warning for warning in data["warnings"])


def test_the_table_has_every_stage_and_the_total(data: dict[str, Any]) -> None:
    stream = io.StringIO()
    print_plan(data, stream)
    text = stream.getvalue()
    for words in (
        "generate_responses learner",
        "train stage1",
        "total",
        "cost",
        "finish",
        "not made",
    ):
        assert words in text
    assert "2 GPUs, 3 jobs at a time" in text
    assert "\x1b" not in text


def test_the_page_is_whole_and_needs_nothing_else(data: dict[str, Any]) -> None:
    open_tags: list[str] = []
    links: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links.extend(value or "" for name, value in attrs if name in ("src", "href"))
            if tag not in ("meta", "rect", "line", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert tag in ("rect", "line") or open_tags.pop() == tag

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

    text = page(data)
    Parser().feed(text)
    assert not open_tags
    assert not links
    assert "generate_responses learner" in text
    assert "prefers-color-scheme: dark" in text


def test_a_plan_of_nothing_says_so(plan: Plan) -> None:
    nothing = json.loads(json.dumps(summary(build_plan(plan.session, []))))
    stream = io.StringIO()
    print_plan(nothing, stream)
    assert "nothing to do" in stream.getvalue()
    assert "Nothing is to be done" in page(nothing)
    assert chart(nothing["jobs"]) == ""


def test_the_chart_shows_when_jobs_run() -> None:
    jobs = [
        {"rule": "a", "subject": "<x>", "start": 0.0, "end": 50.0},
        {"rule": "b", "subject": None, "start": 50.0, "end": 100.0},
    ]
    text = chart(jobs)
    assert text.count("<rect") == 2
    assert "a &lt;x&gt;" in text
    assert "1 min 40 s" in text


def test_two_plans_are_compared(data: dict[str, Any], tmp_path: Path) -> None:
    assert differences(data, data) == [["total", *["="] * 6]]
    less = json.loads(json.dumps(data))
    train = less["stages"].pop()
    for key in ("money", "rows", "tokens_out", "cpu_hours"):
        less["totals"][key]["expected"] -= train[key]["expected"]
    less["totals"]["jobs"] -= 1
    rows = differences(less, data)
    assert [row[0] for row in rows] == ["train stage1", "total"]
    assert rows[0][1] == "+1"
    assert differences(data, less)[0][1] == "\N{MINUS SIGN}1"
    less["reasons"] = []
    assert any(line.startswith("new: not made yet") for line in summary_lines(less, data))
    with pytest.raises(InputError, match="currency: found USD and EUR"):
        differences(data, {**data, "currency": "EUR"})
    path = tmp_path / "plan.json"
    path.write_text('{"version": 0}')
    with pytest.raises(InputError, match=r"plan.json: version: found 0, allowed: 1"):
        read_plan(path)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (short(3_340_000), "3.34 M"),
        (short(9_999), "9,999"),
        (short(99_999_999), "100 M"),
        (hours(20_040), "20,040"),
        (hours(0.416), "0.42"),
        (money(52_140, "USD"), "52.1 k USD"),
        (money(12.3, "EUR"), "12.30 EUR"),
        (size(1.2e12), "1.2 TB"),
        (duration(3 * 86400 + 4 * 3600), "3 d 4 h"),
        (duration(59.6 * 60), "59 min 36 s"),
        (duration(86399), "24 h"),
        (duration(2.5), "2.5 s"),
    ],
)
def test_numbers_are_for_people(shown: str, expected: str) -> None:
    assert shown == expected
