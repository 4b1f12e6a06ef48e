from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

import compare_verdicts
from deepdistill.errors import InputError
from deepdistill.schemas import QUERIES, VERDICTS
from deepdistill.tables import from_rows, write_artifact
from deepdistill.verification.agreement import agreement_report, compare_with_key, read_key

STATES = ["passed", "failed", "timeout", "passed"]
KEY = [True, True, False, False]


def queries(lines: int) -> pa.Table:
    return pa.table(
        {"query_id": [f"q{i}" for i in range(lines)], "source_line": range(1, lines + 1)}
    )


def verdicts(states: list[str]) -> pa.Table:
    count = len(states)
    return pa.table(
        {
            "query_id": [f"q{i}" for i in range(count)],
            "pass": [1] * count,
            "state": states,
            "detail": [f"a|{i}" for i in range(count)],
        }
    )


def test_only_passed_counts_as_correct() -> None:
    comparisons = compare_with_key(queries(4), [verdicts(STATES)], KEY)
    assert [c.agrees for c in comparisons] == [True, False, True, False]
    report = agreement_report(comparisons)
    assert report.startswith("2 of 4 verdicts agree with the key (50.00%)")
    assert "| 2 | 1 | failed | yes | a\\|1 |" in report
    assert "| 3 | 1 | timeout" not in report


def test_rows_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(InputError, match="source line 4: the answer key ends at line 3"):
        compare_with_key(queries(4), [verdicts(STATES)], KEY[:3])
    with pytest.raises(InputError, match="source line 4: the query has no verdict"):
        compare_with_key(queries(4), [verdicts(STATES[:3])], KEY)
    with pytest.raises(InputError, match="q3: has a verdict"):
        compare_with_key(queries(3), [verdicts(STATES)], KEY)


def test_the_key_is_read_at_a_dotted_field(tmp_path: Path) -> None:
    path = tmp_path / "key.jsonl"
    path.write_text('{"m": {"is_correct": true}}\n{"m": {"is_correct": false}}\n')
    assert read_key(path, "m.is_correct") == [True, False]
    with pytest.raises(InputError, match=r"line 1: m\.correct: found None"):
        read_key(path, "m.correct")


def test_the_script_prints_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [
        {"query_id": f"q{i}", "source_line": i + 1, "kept": True, "source": "s"} for i in range(4)
    ]
    dropped = {"query_id": "q0", "source_line": 5, "kept": False, "source": "s"}
    write_artifact(tmp_path / "queries.parquet", QUERIES, from_rows(QUERIES, [*kept, dropped]))
    rows = verdicts(STATES).to_pylist()
    for name, part in (("a", rows[:1]), ("b", rows[1:])):
        write_artifact(tmp_path / f"{name}.parquet", VERDICTS, from_rows(VERDICTS, part))
    key = tmp_path / "key.jsonl"
    key.write_text("".join(json.dumps({"ok": value}) + "\n" for value in [*KEY, True]))
    arguments = ["--queries", str(tmp_path / "queries.parquet"), "--key", str(key), "--field", "ok"]
    files = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    compare_verdicts.main([*arguments, "--verdicts", *files])
    assert "2 of 4 verdicts agree" in capsys.readouterr().out
