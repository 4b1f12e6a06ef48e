from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deepdistill import slices
from deepdistill.config import check_config
from deepdistill.files import canonical_json
from smallest import HUB, MINIMAL, asked, put


def test_a_teachers_slice_has_what_decides_which_queries_and_passes_it_is_asked() -> None:
    config = put("teachers.r2", asked(only="pass_rate_r1 < 1"))
    adaptive = {"min": 2, "max": 8, "until": "ci_width < 0.4"}
    config["teachers"]["r3"] = asked(passes=adaptive, only="n_r2 = 0 or n_r1 = 0")
    checked = check_config(config)
    assert slices.teachers_waited_for(checked, "r1") == []
    only = slices.generate_responses(checked, "r2")["only"]
    measures = {name: checked["difficulty"][name] for name in ("ddof", "policies")}
    assert only == {"where": "pass_rate_r1 < 1", "teachers": ["r1"], **measures}
    before = slices.generate_adaptively(checked, "r3")
    assert before["only"]["teachers"] == ["r1", "r2"]
    assert before["passes"] == adaptive
    checked["verification"]["thresholds"]["math"] = 0.5
    assert slices.generate_adaptively(checked, "r3") != before
    checked["verification"]["thresholds"] |= {"math": 0.99, "science": 0.5}
    assert slices.generate_adaptively(checked, "r3") == before


def test_a_model_is_identified_by_what_its_section_names() -> None:
    config = put("training.students.hub", dict(HUB))
    checked = check_config(config)
    checked["verification"]["judge"] = {**HUB, "max_tokens": 1}
    assert slices.identify_model(checked, "base") == {"model": "models/base"}
    assert slices.identify_model(checked, "hub") == HUB
    assert slices.identify_model(checked, "judge") == HUB


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from leaves(child, (*path, name))
    else:
        yield path


# Keys that decide where things lie, which files are read (their content counts), which jobs there
# are at all, or what a cluster is asked for, rather than what a rule's script is given.
ELSEWHERE = {"data", "pathvars", "path", "task", "prompt", "parent", "dataset", "seed"}
ELSEWHERE |= {"cluster", "pilot", *slices.PLACEMENT}


CHANGED: dict[type, Any] = {
    dict: {"changed": 1},
    list: [{"name": "changed"}],
    int: 77,
    float: 0.123,
}


def all_slices(config: dict[str, Any]) -> str:
    texts = [
        slices.make_demo_sources(config),
        slices.filter_queries(config),
        slices.embed_texts(config),
        slices.match_embeddings(config),
        slices.shard_queries(config),
        slices.check_responses(config),
        slices.judge_responses(config),
        slices.reward_responses(config),
        slices.measure_perplexity(config),
        slices.decide_verdicts(config),
        slices.measure_difficulty(config),
        slices.report(config),
        slices.examples(config),
        *(slices.train_demo_model(config, m) for m in config["demo"]["models"]),
        *(slices.clean_source(config, s) for s in config["sources"]),
        *(slices.identify_model(config, t) for t in config["teachers"]),
        *(slices.identify_model(config, s) for s in config["training"]["students"]),
        *(slices.identify_model(config, m) for m in slices.other_models(config)),
        *(slices.generate_responses(config, t) for t in config["teachers"]),
        *(slices.collect_published(config, t) for t in config["teachers"]),
        *(slices.take_responses(config, t) for t in config["teachers"]),
        *(slices.export_published(config, t) for t in config["teachers"]),
        *(slices.export_dataset(config, s) for s in config["selection"]),
        *(slices.train(config, r) for r in config["training"]["recipes"]),
        *(slices.evaluate(config, b) for b in config["evaluation"]["benchmarks"]),
    ]
    return canonical_json(texts)


def test_every_key_is_in_the_slice_of_some_rule(root: Path) -> None:
    demo = yaml.safe_load((root / "config" / "config.yaml").read_text())
    judged = {name: {"model": "m"} for name in slices.VERIFICATION_MODELS}
    difficulty = {**demo["difficulty"], "false_negatives": {"math": 0.05}}
    sections = {"verification": judged, "difficulty": difficulty}
    config = check_config({**demo, **sections, "queries": {"embedding": {"model": "m"}}})
    before = all_slices(config)
    unowned = []
    for path in leaves(config):
        if ELSEWHERE & {*path}:
            continue
        changed = copy.deepcopy(config)
        section = changed
        for name in path[:-1]:
            section = section[name]
        section[path[-1]] = CHANGED.get(type(section[path[-1]]), "changed")
        if all_slices(changed) == before:
            unowned.append(".".join(path))
    assert unowned == []


def test_without_an_embedding_model_no_slice_knows_of_it() -> None:
    plain, embedded = check_config(MINIMAL), check_config(put("queries.embedding", {"model": "m"}))
    for function in (slices.filter_queries, slices.shard_queries, slices.report):
        assert function(embedded) == function(plain)
    assert "embedding" not in canonical_json(slices.export_dataset(plain, "stage1"))
    wanted = {"model": "m", "duplicates": 0.95, "contamination": 0.9}
    assert slices.export_dataset(embedded, "stage1")["queries"]["embedding"] == wanted
    assert "embedding" not in slices.other_models(plain)
    # Thresholds compare vectors again, and make none.
    changed = check_config(put("queries.embedding", {"model": "m", "duplicates": None}))
    assert slices.embed_texts(changed) == slices.embed_texts(embedded)
    assert slices.match_embeddings(changed) != slices.match_embeddings(embedded)


def test_no_order_that_matters_is_lost_in_canonical_json(root: Path) -> None:
    config = put("evaluation.benchmarks", {"z": {"task": "t", "data": "d"}})
    config["evaluation"]["benchmarks"]["a"] = {"task": "t", "data": "d", "question": "problem"}
    config["difficulty"] = {"grades": [{"name": n, "where": "true"} for n in "ba"]}
    checked = check_config(config)
    filters = json.loads(canonical_json(slices.filter_queries(checked)))
    assert filters["benchmarks"] == [["z", "question"], ["a", "problem"]]
    difficulty = json.loads(canonical_json(slices.measure_difficulty(checked)))
    assert [grade["name"] for grade in difficulty["grades"]] == ["b", "a"]
