from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deepdistill import slices
from deepdistill.config import check_config, check_inputs, load_schema
from deepdistill.errors import InputError
from deepdistill.plan.pilot import pilot_config
from smallest import HUB, MINIMAL, asked, put


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "sede",
            1,
            r"config: sede: unknown key \(did you mean seed\?\); allowed here: cluster, data, ",
        ),
        ("teachers.r1.pases", 4, r"config: teachers\.r1\.pases: unknown key .*passes\?\)"),
        (
            "teachers.r1.passes",
            "four",
            r'config: teachers\.r1\.passes: found "four", allowed: integer at least 1',
        ),
        ("teachers.r1.passes", 0, r"config: teachers\.r1\.passes: found 0, allowed: integer"),
        (
            "teachers.r1.passes",
            {"min": 2, "mx": 8, "until": "true"},
            r"config: teachers\.r1\.passes\.mx: unknown key \(did you mean max\?\); allowed here",
        ),
        (
            "teachers.r1.passes",
            {"min": 2, "max": 8},
            r"config: teachers\.r1\.passes\.until: missing; needed is string",
        ),
        (
            "teachers.r1.passes",
            {"min": 0, "max": 8, "until": "true"},
            r"config: teachers\.r1\.passes\.min: found 0, allowed: integer at least 1",
        ),
        (
            "teachers.r1.passes",
            {"min": 1, "max": 8, "until": "true"},
            r"teachers\.r1\.passes: found min, max and until, allowed for published responses",
        ),
        (
            "teachers.r2",
            asked(passes={"min": 9, "max": 8, "until": "true"}),
            r"min: found 9, allow",
        ),
        (
            "teachers.r2",
            asked(passes={"min": 1, "max": 8, "until": "ci_widht < 1"}),
            r"r2\.passes\.until: found 'ci_widht < 1': unknown column ci_widht \(did you mean "
            r"ci_width\?\); allowed: a condition over category, source, passes, n, ",
        ),
        (
            "teachers.r2",
            asked(only="pass_rat_r1 < 1"),
            r"teachers\.r2\.only: found 'pass_rat_r1 < 1': unknown column pass_rat_r1 \(did you "
            r"mean pass_rate_r1\?\); allowed: a condition over category, source and, with _r1 at",
        ),
        ("teachers.r2", asked(only="n_r3 = 0"), r"unknown column n_r3 .*; allowed: .* with _r1 at"),
        ("teachers.r2", asked(only="n_r2 = 0"), r"n_r2 is the teacher's own; allowed: a condition"),
        ("teachers.r2", asked(only="n_r1 ="), r"r2\.only: found 'n_r1 =': syntax error"),
        (
            "teachers.r2",
            asked(only=""),
            r'r2\.only: found "", allowed: string of length at least 1',
        ),
        ("teachers.r1.only", "true", r"r1\.only: found 'true', allowed: none for published"),
        (
            "sources.questions.category",
            "maths",
            r'found "maths", allowed: one of "math", "code", "science"',
        ),
        ("teachers.1st", {"backend": "published", "passes": 1}, r"found the name '1st', allowed"),
        ("teachers.r1.backend", "transformers", r"config: teachers\.r1\.model: missing"),
        (
            "selection.stage1.teacher",
            "r2",
            r"selection\.stage1\.teacher: found 'r2', allowed: one of r1$",
        ),
        ("training.recipes.first.parent", "bass", r"found 'bass', allowed: one of base"),
        ("training.recipes.first.dataset", "stage3", r"found 'stage3', allowed: one of stage1"),
        (
            "training.recipes.first.schedule",
            "cosinus",
            r"recipes\.first\.schedule: found \"cosinus\", allowed: one of \"cosine\", \"linear\"",
        ),
        (
            "training.recipes.first.schedule",
            {"name": "wsd", "decay": 0.1},
            r"recipes\.first\.schedule\.decay: unknown key \(did you mean decay_ratio\?\)",
        ),
        (
            "training.recipes.first.lora",
            {"rank": 0},
            r"recipes\.first\.lora\.rank: found 0, allowed: integer at least 1",
        ),
        ("evaluation.models", ["frist"], r"evaluation\.models: found 'frist', allowed"),
        ("training.students.r1", {"model": "x"}, r"config: r1: names a teacher, a student, a"),
        ("sources.questions.path", "{data}/x", r"config: data: missing; sources\.questions\.path"),
        ("shards", None, r"config: shards: found null, allowed: integer"),
        ("teachers.r1.files", "{n}*", r'teachers\.r1\.files: found "\{n\}\*", allowed: string'),
    ],
)
def test_a_wrong_configuration_ends_in_one_line_that_names_the_key(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_config(put(path, value))
    assert re.search(message, str(caught.value))
    assert "\n" not in str(caught.value)


def test_recipes_must_not_be_their_own_ancestors() -> None:
    config = put("training.recipes.second", {"parent": "first", "dataset": "stage1"})
    config["training"]["recipes"]["first"]["parent"] = "second"
    with pytest.raises(InputError, match="is its own ancestor"):
        check_config(config)


@pytest.mark.parametrize(
    ("only", "circle"),
    [
        ({"r2": "n_r3 = 0", "r3": "n_r2 = 0"}, "r2 → r3 → r2"),
        ({"r2": "n_r3 = 0", "r3": "n_r1 = 0 or n_r4 = 0", "r4": "n_r2 = 0"}, "r2 → r3 → r4 → r2"),
    ],
)
def test_teachers_must_not_wait_for_each_other(only: dict[str, str], circle: str) -> None:
    config = copy.deepcopy(MINIMAL)
    config["teachers"] |= {name: asked(only=where) for name, where in only.items()}
    with pytest.raises(InputError) as caught:
        check_config(config)
    message = f"config: teachers.r2.only: the teacher waits for itself: {circle}"
    assert str(caught.value) == message


def test_paths_are_resolved_and_missing_ones_named(tmp_path: Path) -> None:
    config = put("sources.questions.path", "{data}/questions.jsonl")
    checked = check_config({**config, "data": str(tmp_path)})
    assert checked["sources"]["questions"]["path"] == f"{tmp_path}/questions.jsonl"
    with pytest.raises(InputError, match=r"sources\.questions\.path: found .*no such file"):
        check_inputs(checked)


def test_a_missing_model_folder_is_named(tmp_path: Path) -> None:
    config = put("teachers.r1", {"backend": "transformers", "model": "models/x", "passes": 1})
    (tmp_path / "q").touch()
    config["sources"]["questions"]["path"] = str(tmp_path / "q")
    with pytest.raises(
        InputError, match=r"teachers\.r1\.model: found 'models/x', allowed: a model"
    ):
        check_inputs(check_config(config))


def test_published_data_without_files_of_the_name_is_named(tmp_path: Path) -> None:
    config = put("teachers.r1.files", "*_{pass}.jsonl")
    (tmp_path / "r1.jsonl").touch()
    config["teachers"]["r1"]["data"] = str(tmp_path)
    config["sources"]["questions"]["path"] = str(tmp_path / "r1.jsonl")
    with pytest.raises(
        InputError, match=r"config: teachers\.r1\.data: .*named like '\*_\{pass\}\.jsonl'"
    ):
        check_inputs(check_config(config))


@pytest.mark.parametrize("name", ["org", "models/org/name", "org/na me", "{results}/org/name"])
def test_beside_a_revision_a_model_is_a_hub_repository(tmp_path: Path, name: str) -> None:
    config = put("teachers.r1", {"backend": "transformers", "passes": 1, **HUB})
    config["training"]["students"]["base"] = dict(HUB)
    config["evaluation"]["benchmarks"] = {}
    (tmp_path / "q").touch()
    config["sources"]["questions"]["path"] = str(tmp_path / "q")
    check_inputs(check_config(config))  # no folder is looked for
    config["training"]["students"]["base"]["model"] = name
    with pytest.raises(InputError, match=r"students\.base\.model: found .*, allowed .*org/name"):
        check_inputs(check_config(config))


def test_a_student_may_not_have_the_name_of_a_verification_model() -> None:
    config = put("training.students.judge", {"model": "models/judge"})
    check_config(config)
    with pytest.raises(InputError, match=r"config: judge: names a teacher, .* more than once"):
        check_config({**config, "verification": {"judge": {"model": "models/other"}}})


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"math": 1}, "math: found 1, allowed: number at least 0 below 1"),
        ({"math": "estimated"}, "math: found 'estimated', allowed beside verification.judge"),
        ({"code": "estimated"}, "code: found 'estimated', allowed: a rate below 1; only maths"),
    ],
)
def test_a_false_negative_rate_needs_something_to_come_from(
    rates: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"config: difficulty.false_negatives.{message}"):
        check_config(put("difficulty.false_negatives", rates))
    judged = put("difficulty.false_negatives", {"math": "estimated", "code": 0.02})
    check_config({**judged, "verification": {"judge": {"model": "models/judge"}}})


def test_two_teachers_may_not_be_published_under_one_name() -> None:
    config = put("teachers.other", {"backend": "published", "data": "d", "passes": 1})
    first = next(name for name in config["teachers"] if name != "other")
    check_config(config)
    config["teachers"]["other"]["published_as"] = first
    with pytest.raises(InputError, match=f"other.published_as: found '{first}', allowed: a name"):
        check_config(config)


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}.*")
    for number, child in enumerate(schema.get("oneOf", [])):
        yield from nodes(child, f"{path}|{number}")
    for name, child in schema.get("$defs", {}).items():
        yield from nodes(child, f"{path}#{name}")


def test_the_schema_is_valid_and_describes_every_key() -> None:
    schema = load_schema()
    Draft202012Validator.check_schema(schema)
    bare = [path for path, node in nodes(schema) if path and not {"description", "$ref"} & {*node}]
    assert bare == []


def test_defaults_satisfy_the_schema() -> None:
    checked = check_config(MINIMAL)
    assert check_config(checked) == checked


@pytest.mark.parametrize(
    "name", ["config", "gsm8k", "am-40m", "deepdistill-40m", "lr-study", "selection-study"]
)
def test_shipped_configurations_are_valid(root: Path, name: str) -> None:
    config = yaml.safe_load((root / "config" / f"{name}.yaml").read_text())
    assert check_config({**config, "data": "data"})["teachers"]


FETCHED = {"dataset": "org/name", "revision": "v1", "files": "*.jsonl"}


def test_a_data_set_of_the_hub_has_a_place_of_its_own_for_each_revision() -> None:
    config = put("sources.questions", {"category": "math", **FETCHED})
    config["sources"]["same"] = {"category": "math", **FETCHED}
    config["sources"]["other"] = {"category": "math", **FETCHED, "revision": "v2"}
    config["evaluation"]["benchmarks"]["aime"] = {"task": "t", **FETCHED, "files": "b.csv"}
    checked = check_config(config)
    paths = [source["path"] for source in checked["sources"].values()]
    paths.append(checked["evaluation"]["benchmarks"]["aime"]["data"])
    assert paths[0] == paths[1]
    assert len({*paths}) == 3
    names = slices.fetched_data(checked)
    assert {f"resources/fetched/{name}.jsonl" for name in names} == {*paths}
    (revision,) = {slices.fetch_data(checked, n)["revision"] for n in names if n in paths[2]}
    assert revision == "v2"
    assert check_config(checked) == checked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "q.jsonl"}, r"sources\.questions\.path: found beside dataset, allowed: one of"),
        ({"revision": None}, r"sources\.questions\.revision: missing; beside dataset it is needed"),
        ({"dataset": None}, r"sources\.questions\.revision: found without dataset, allowed beside"),
        (dict.fromkeys(FETCHED), r"sources\.questions\.path: missing; needed is it or dataset"),
    ],
)
def test_a_source_is_a_file_or_a_data_set(change: dict[str, Any], message: str) -> None:
    source = {"category": "math", **FETCHED, **change}
    with pytest.raises(InputError, match=message):
        check_config(put("sources.questions", {k: v for k, v in source.items() if v}))


def test_a_pilot_has_folders_of_its_own_and_one_shard() -> None:
    config = pilot_config(put("sources.questions.path", "{results}/q.jsonl") | {"pilot": 20})
    checked = check_config(config)
    assert checked["pathvars"] == {"results": "results/pilot", "logs": "logs/pilot"}
    assert checked["sources"]["questions"]["path"] == "results/pilot/q.jsonl"
    assert slices.shard_queries(checked) == {"shards": 1, "pilot": 20}
    with pytest.raises(InputError, match="config: pilot: found 0, allowed: integer at least 1"):
        check_config(pilot_config({**MINIMAL, "pilot": 0}))
    assert pilot_config(MINIMAL) == MINIMAL
