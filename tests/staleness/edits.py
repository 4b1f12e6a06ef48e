"""The edits: what is changed, which jobs must run after it, and which rows they must compute.

An edit works on a folder in which `config.yaml` of this folder has run. The graph has two shards
and two teachers, *recorded* (published responses) and *learner* (a model); every number below
follows from the files in `data/` or is counted in the run before the edit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from changes import (
    DATA,
    LIBRARY,
    PROMPTS,
    add_line,
    clone_elsewhere,
    config,
    copy_elsewhere,
    copy_judge,
    damage_shard,
    delete_shard,
    drop,
    lines,
    put,
    rename_published,
    swap_sources,
    switch_branch_and_back,
    text,
    touch_everything,
)
from facts import Facts, judged

Jobs = Mapping[str, int]
Count = int | Callable[[Facts, Facts], int]
"""A number of rows, or how to count it in the runs before and after the edit."""


@dataclass(frozen=True)
class Edit:
    """One line of the table."""

    name: str
    apply: Callable[[Path], None]
    jobs: Jobs = field(default_factory=dict)
    rows: Mapping[str, Count] = field(default_factory=dict)
    trainings: int = 0
    evaluated: int = 0
    """Responses to benchmarks that are generated."""
    after: str | None = None
    """Name of the edit that has run before this one."""


def together(*groups: Jobs) -> Jobs:
    """Add up jobs, rule by rule."""
    return dict(sum((Counter(group) for group in groups), Counter()))


def of_teacher(shards: int = 2) -> Jobs:
    """Return the jobs of one teacher's responses and all that is said of them."""
    return {"generate_responses": shards, **of_opinions(shards)}


def of_published(shards: int = 2) -> Jobs:
    """Return the same of a teacher whose responses are published."""
    return {"take_responses": shards, **of_opinions(shards)}


def of_opinions(shards: int = 2) -> Jobs:
    """Return the jobs that look at one teacher's responses."""
    rules = ["reward_responses", "measure_perplexity"]
    return together(of_checks(shards), dict.fromkeys(rules, shards))


def of_checks(shards: int = 2) -> Jobs:
    """Return the jobs that depend on one teacher's checks."""
    rules = ["check_responses", "judge_responses", "decide_verdicts"]
    return dict.fromkeys(rules, shards)


SET = {"select_responses": 1, "export_dataset": 1}
STAGE2 = {"train": 1, "evaluate": 1, "report": 1}
STAGES = {"train": 2, "evaluate": 1, "report": 1}
BELOW_TABLE = together(SET, SET, STAGES)
TABLE = together({"measure_difficulty": 1}, BELOW_TABLE)
"""What runs when verdicts change, but nothing that a rule or the judge says."""
BELOW_VERDICTS = together({"count_overruled": 1}, TABLE)
RECORDED = together({"collect_published": 1}, of_published(), BELOW_VERDICTS)
"""What runs when something changes the published responses."""
BELOW_QUERIES = together(of_teacher(), RECORDED)
BELOW_SOURCES = together(
    # An untrained model's results say what the queries repeat of the benchmark, too.
    {"filter_queries": 1, "shard_queries": 1, "evaluate": 1},
    BELOW_QUERIES,
)
ONE_SHARD = together(of_teacher(1), BELOW_VERDICTS)
LEARNER = together(of_teacher(), BELOW_VERDICTS)
"""What runs when something changes the learner's responses."""

PASSES = 4
QUERIES = 14
QUESTIONS = 3
SAMPLES = 2
BENCHMARK = QUESTIONS * SAMPLES
"""Responses of one model to the benchmark."""


FOLLOWING: Mapping[str, Count] = {
    "checks": lambda before, after: after.new_checks(before),
    "judgements": lambda before, after: after.new_judgements(before),
    "rewards": lambda before, after: after.new_rewards(before),
    "perplexities": lambda before, after: after.new_perplexities(before),
}
"""Rows about answers that are new or, for checks and judgements, have another reference."""

EAGER = {
    "backend": "transformers",
    "model": "tiny/learner",
    "revision": "v1",
    "format": "plain",
    "passes": 2,
    "temperature": 1.0,
    "max_tokens": 48,
    "dtype": "float32",
}

EDITS = [
    Edit(
        "nothing",
        lambda folder: None,
    ),
    Edit("`touch` of every file", touch_everything),
    Edit("`cp -r` of the whole folder elsewhere", copy_elsewhere),
    Edit("a clone at another path, with results moved there", clone_elsewhere),
    Edit("another branch and back", switch_branch_and_back),
    Edit(
        "a comment in the maths verifier",
        text(f"{LIBRARY}/verification/math.py", "MAX_LENGTH = 2000", "MAX_LENGTH = 2000  # long"),
    ),
    Edit(
        "a docstring and a type hint in a module of every script",
        text(
            f"{LIBRARY}/tables.py",
            '''def from_rows(artifact: Artifact, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Return''',
            '''def from_rows(artifact: Artifact, rows: Any) -> pa.Table:
    """Yes, return''',
        ),
    ),
    Edit(
        "the GPU cap and memory in a profile",
        text("profiles/slurm/profile.yaml", "gpu: 64 ", "gpu: 8 "),
    ),
    Edit(
        "a prompt template: the learner's for maths",
        text(f"{PROMPTS}/learner.yaml", 'math: "{question}"', 'math: "Solve: {question}"'),
        jobs=LEARNER,
        rows={"responses": 6 * PASSES, **FOLLOWING},
    ),
    Edit(
        "a system prompt of one teacher",
        # The tiny models' chat template has no place for it; the rendered messages do.
        text(f"{PROMPTS}/learner.yaml", "system: null", "system: Think."),
        jobs=LEARNER,
        rows={"responses": QUERIES * PASSES, **FOLLOWING},
    ),
    Edit(
        "a teacher's revision",
        put("teachers.learner.revision", "v2"),
        jobs=together({"identify_model": 1}, LEARNER),
        rows={"responses": QUERIES * PASSES, **FOLLOWING},
    ),
    Edit(
        "a revision with the same weights",
        put("teachers.learner.revision", "v1.1"),
        jobs=together({"identify_model": 1}, LEARNER),
    ),
    Edit(
        "a teacher's temperature",
        put("teachers.learner.temperature", 0.7),
        jobs=LEARNER,
        rows={"responses": QUERIES * PASSES, **FOLLOWING},
    ),
    Edit(
        "passes 4 → 5",
        put("teachers.learner.passes", 5),
        jobs=LEARNER,
        rows={"responses": QUERIES, **FOLLOWING},
    ),
    Edit(
        "passes 5 → 4",
        put("teachers.learner.passes", 4),
        jobs=LEARNER,
        after="passes 4 → 5",
    ),
    Edit(
        "passes 4 → 2 to 5, until three were cut",
        put("teachers.learner.passes", {"min": 2, "max": 5, "until": "truncated >= 3"}),
        jobs=together({"generate_adaptively": 2}, of_opinions(), BELOW_VERDICTS),
        rows={"responses": lambda before, _: len(before.seldom_cut("learner", 3)), **FOLLOWING},
    ),
    Edit(
        "a teacher's `only` given: what another solves is not asked any more",
        put("teachers.learner.only", "pass_rate_recorded < 1"),
        jobs=LEARNER,
        rows=FOLLOWING,
    ),
    Edit(
        "a teacher's `only` changed: what has no verdict is asked as well",
        put("teachers.learner.only", "pass_rate_recorded < 1 or n_recorded = 0"),
        jobs=LEARNER,
        rows={
            "responses": lambda before, _: PASSES * len(before.uncounted("recorded")),
            **FOLLOWING,
        },
        after="a teacher's `only` given: what another solves is not asked any more",
    ),
    Edit(
        "a pass threshold that a teacher's `only` depends on",
        put("verification.thresholds.code", 0.4),
        jobs=together({"decide_verdicts": 2}, LEARNER),
        rows={
            "responses": lambda before, after: (
                PASSES * len(after.unsolved("recorded") - before.unsolved("recorded"))
            ),
            **FOLLOWING,
        },
        trainings=2,
        evaluated=BENCHMARK,
        after="a teacher's `only` given: what another solves is not asked any more",
    ),
    Edit(
        "a reference corrected, so that a teacher's `only` lets the query through",
        text(
            f"{DATA}/questions.jsonl",
            '"Compute 3+4.", "answer": "7"',
            '"Compute 3+4.", "answer": "8"',
        ),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
        rows={"responses": PASSES, **FOLLOWING},
        after="a teacher's `only` given: what another solves is not asked any more",
    ),
    Edit(
        "max tokens up, 48 → 64",
        put("teachers.learner.max_tokens", 64),
        jobs=LEARNER,
        rows={"responses": lambda before, _: before.cut("learner"), **FOLLOWING},
    ),
    Edit(
        "max tokens down, 48 → 40",
        put("teachers.learner.max_tokens", 40),
        jobs=LEARNER,
        rows={"responses": lambda before, _: before.longer_than("learner", 40), **FOLLOWING},
    ),
    Edit(
        "a teacher's format, all of the text is the answer → thinking and answer",
        put("teachers.learner.format", "think"),
        jobs=LEARNER,
        rows=FOLLOWING,
    ),
    Edit("a teacher's batch size", put("teachers.learner.batch_size", 7), jobs=LEARNER),
    Edit(
        "a new source appended, of two questions",
        put("sources.more", {"path": f"{DATA}/more.jsonl", "category": "math"}),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
        rows={"responses": 2 * 2 * PASSES, **FOLLOWING},
    ),
    Edit(
        "a row added to a source",
        add_line(f"{DATA}/questions.jsonl", '{"question": "Compute 9+9.", "answer": "18"}'),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
        rows={"responses": 2 * PASSES, **FOLLOWING},
    ),
    Edit(
        "a row corrected in a source: its reference",
        text(
            f"{DATA}/questions.jsonl",
            '"Compute 3+4.", "answer": "7"',
            '"Compute 3+4.", "answer": "8"',
        ),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
        rows=FOLLOWING,
    ),
    Edit(
        "a row corrected in a source: its question, of which responses were selected",
        text(f"{DATA}/questions.jsonl", "What is 9-5?", "What does 9-5 give?"),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
        rows={"responses": 2 * PASSES, **FOLLOWING},
        trainings=2,
        evaluated=BENCHMARK,
    ),
    Edit(
        "a row removed from a source, of which responses were selected",
        lines(f"{DATA}/questions.jsonl", lambda old: [line for line in old if "2+6+1" not in line]),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
        trainings=2,
        evaluated=BENCHMARK,
    ),
    Edit(
        "a source's rows shuffled",
        # Of the same question with one blank more the first counts, as before.
        lines(f"{DATA}/questions.jsonl", lambda old: sorted(old, reverse=True)),
        jobs=together({"clean_source": 1}, BELOW_SOURCES),
    ),
    Edit("the order of the sources", config(swap_sources), jobs=BELOW_SOURCES),
    Edit(
        "a new teacher with two passes",
        put("teachers.eager", EAGER),
        jobs=together({"identify_model": 1}, of_teacher(), BELOW_VERDICTS),
        rows={"responses": QUERIES * 2, **FOLLOWING},
    ),
    Edit(
        "a published response corrected, which stays wrong",
        text(f"{DATA}/recorded.jsonl", "Oak, elm", "Oak, ash"),
        jobs=RECORDED,
        rows={"responses": 1, **FOLLOWING},
    ),
    Edit(
        "the published responses' file renamed",
        rename_published,
        jobs=RECORDED,
    ),
    Edit("a teacher removed", drop("teachers.learner"), jobs=BELOW_VERDICTS),
    Edit(
        "a pass threshold: half of the tests is enough for code",
        put("verification.thresholds.code", 0.4),
        jobs=together({"decide_verdicts": 4}, BELOW_VERDICTS),
        trainings=2,
        evaluated=BENCHMARK,
    ),
    Edit("`ddof` 0 → 1", put("difficulty.ddof", 1), jobs=TABLE),
    Edit(
        "CV_t of stage I, with the same queries above it",
        put("selection.stage1.cv_threshold", 0.06),
        jobs=together(SET, STAGES),
    ),
    Edit(
        "CV_t of stage I, with fewer queries above it",
        put("selection.stage1.cv_threshold", 0.6),
        jobs=together(SET, STAGES),
        trainings=2,
        evaluated=BENCHMARK,
    ),
    Edit(
        "a stage-II cap",
        put("selection.stage2.caps.math", 1),
        jobs=together(SET, STAGE2),
        trainings=1,
        evaluated=BENCHMARK,
    ),
    Edit(
        "the seed",
        put("seed", 2),
        jobs=together(LEARNER, {"evaluate": 1}),
        rows={"responses": QUERIES * PASSES, **FOLLOWING},
        trainings=2,
        evaluated=2 * BENCHMARK,
    ),
    Edit(
        "the judge's prompt for maths",
        text(f"{PROMPTS}/judge.yaml", 'math: "{question}', 'math: "Judge. {question}'),
        jobs=together({"judge_responses": 4, "decide_verdicts": 4}, BELOW_VERDICTS),
        rows={"judgements": lambda before, _: judged(before, "math")},
    ),
    Edit(
        "the judge's model moved to another folder",
        copy_judge,
        jobs=together(
            {"identify_model": 1, "judge_responses": 4, "decide_verdicts": 4}, BELOW_VERDICTS
        ),
    ),
    Edit(
        "the judge removed",
        drop("verification.judge"),
        jobs=together({"decide_verdicts": 4}, TABLE),
    ),
    Edit(
        "the reward model's scale",
        put("verification.reward.scale", 5),
        jobs=together({"reward_responses": 4, "decide_verdicts": 4}, TABLE),
        rows={"rewards": lambda before, _: before.answered("other")},
    ),
    Edit(
        "the perplexity's length limit",
        put("verification.perplexity.max_length", 4096),
        jobs=together({"measure_perplexity": 4, "decide_verdicts": 4}, TABLE),
    ),
    Edit(
        "the maths verifier's code",
        text(f"{LIBRARY}/verification/math.py", "MAX_LENGTH = 2000", "MAX_LENGTH = 2001"),
        # It also reads the sources' references and verifies benchmarks.
        jobs=together({"clean_source": 5}, BELOW_SOURCES),
        rows={"checks": lambda before, _: before.answered("math")},
    ),
    Edit(
        "the code sandbox's time limit",
        put("verification.code.timeout_s", 9),
        jobs=together(of_checks(), of_checks(), BELOW_VERDICTS),
        rows={"checks": lambda before, _: before.answered("code")},
    ),
    Edit(
        "an IFEval check",
        text(
            f"{LIBRARY}/verification/ifeval/content.py",
            'return "," not in response',
            'return response.count(",") == 0',
        ),
        jobs=together({"clean_source": 5}, BELOW_SOURCES),
        rows={"checks": lambda before, _: before.answered("instruction_following")},
    ),
    Edit(
        "a training learning rate: stage II's",
        put("training.recipes.stage2.learning_rate", 2.0e-3),
        jobs=STAGE2,
        trainings=1,
        evaluated=BENCHMARK,
    ),
    Edit(
        "a new recipe",
        put(
            "training.recipes.again",
            {
                "parent": "base",
                "dataset": "stage2",
                "global_batch_size": 4,
                "max_length": 256,
                "dtype": "float32",
            },
        ),
        jobs={"train": 1, "report": 1},
        trainings=1,
    ),
    Edit(
        "an eval benchmark added, of three questions",
        put(
            "evaluation.benchmarks.second",
            {
                "task": "config/tasks/demo_arithmetic.yaml",
                "data": f"{DATA}/benchmark.jsonl",
                "k": 1,
                "max_new_tokens": 24,
                "dtype": "float32",
            },
        ),
        # Queries are compared with every benchmark.
        jobs=together(BELOW_SOURCES, {"evaluate": 2}),
        evaluated=2 * QUESTIONS,
    ),
    Edit(
        "an eval's k 2 → 3",
        put("evaluation.benchmarks.heldout.k", 3),
        jobs={"evaluate": 2, "report": 1},
        evaluated=2 * QUESTIONS,
    ),
    Edit(
        "a report text",
        text(
            f"{LIBRARY}/report/templates/page.html",
            "<title>DeepDistill report",
            "<title>Our report",
        ),
        jobs={"report": 1},
    ),
    Edit(
        "an environment's pin of a package that only training uses",
        text("requirements.lock", "trl==", "trl==99."),
        jobs=STAGES,
        trainings=2,
    ),
    Edit(
        "a response shard deleted",
        delete_shard,
        jobs=ONE_SHARD,
        rows={"responses": lambda before, _: before.in_shard("learner", 0)},
    ),
    Edit(
        "a response shard damaged",
        damage_shard,
        jobs=ONE_SHARD,
        rows={"responses": lambda before, _: before.in_shard("learner", 0)},
    ),
    Edit(
        "number of shards doubled: rows are moved",
        put("shards", 4),
        jobs=together({"shard_queries": 1}, of_teacher(4), of_published(4), BELOW_VERDICTS),
    ),
]
