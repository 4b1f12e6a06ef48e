from __future__ import annotations

from types import SimpleNamespace

from deepdistill.plan.commands import read_command
from deepdistill.plan.jobs import job_of_event

TEXT = """
        python scripts/check_responses.py --queries a.digest.json             --verdicts \\
             --config '{"a": "b c"}'      --sources x y     --only= \\
             --output-dir $(dirname results/queries/shards/0.digest.json) >'logs/a b.log' 2>&1
"""


def test_a_command_is_read_as_the_shell_would() -> None:
    command = read_command(TEXT)
    assert command
    assert str(command.script) == "scripts/check_responses.py"
    assert command.one("queries") == "a.digest.json"
    assert command.all("verdicts") == []
    assert command.json("config") == {"a": "b c"}
    assert command.all("sources") == ["x", "y"]
    assert command.one("only") == ""
    assert command.one("output-dir") == "results/queries/shards"
    assert command.words[-1] == "results/queries/shards"


def test_what_is_no_call_of_a_script_is_not_read() -> None:
    assert read_command("touch x") is None
    assert read_command("echo 'unclosed") is None


def test_an_event_becomes_a_job() -> None:
    unknown = SimpleNamespace()
    job = job_of_event(
        {
            "jobid": 7,
            "rule_name": "generate_responses",
            "wildcards": {"teacher": "r1", "shard": "0"},
            "input": ["a.json", "b (cached)"],
            "output": ["results/x.parquet (update)"],
            "reason": "",
            "shellcmd": None,
            "threads": 8,
            "resources": {"_cores": 8, "gpu": 1, "runtime": unknown, "slurm_partition": "long"},
        }
    )
    assert job.subject == "r1"
    assert (job.inputs, job.outputs) == (["a.json", "b"], ["results/x.parquet"])
    assert job.resources == {"gpu": 1, "slurm_partition": "long"}
