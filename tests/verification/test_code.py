from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deepdistill.errors import InputError
from deepdistill.verification import sandbox
from deepdistill.verification.check import Check, Task
from deepdistill.verification.code import CodeChecker
from deepdistill.verification.code_reference import read_code_reference
from deepdistill.verification.program import find_program

SETTINGS = {"timeout_s": 3, "memory_mb": 256, "max_tests": 10, "sandbox": "bubblewrap"}
ADD = "def add(a, b): return a + b"
SUM = "print(sum(map(int, input().split())))"

needs_sandbox = pytest.mark.skipif(sandbox.probe() is not None, reason="no bubblewrap here")


def reference(kind: str, tests: list[Any], **more: Any) -> str:
    return read_code_reference({"language": "python", "kind": kind, "tests": tests, **more})


ASSERTS = reference("assert", ["assert add(1, 2) == 3", "assert add([1], [2]) == [1, 2]"])
CALLS = reference("call", [{"args": [[1], [2]], "expected": [1, 2]}] * 2, function="add")
STDIN = reference("stdin", [{"input": "1 2\n", "output": "3\n"}, {"input": "4 5", "output": "9"}])

Run = Callable[[str, str], Check]


@pytest.fixture(scope="module")
def checker() -> Iterator[CodeChecker]:
    with CodeChecker(SETTINGS, 2) as checker:
        yield checker


@pytest.fixture
def run(checker: CodeChecker) -> Run:
    def run(program: str, tests: str) -> Check:
        return checker.submit(Task("code", "", f"```python\n{program}\n```", tests))()

    return run


@needs_sandbox
@pytest.mark.parametrize("tests", [ASSERTS, CALLS])
def test_functions_pass_by_their_results(run: Run, tests: str) -> None:
    assert run(ADD, tests).score == 1
    assert run("def add(a, b): pass", tests).score == 0
    assert run("def add(a, b): return [1, 2]", ASSERTS).score == 0.5


@needs_sandbox
def test_scripts_pass_by_their_output(run: Run) -> None:
    assert run(SUM, STDIN).score == 1
    assert run("print('3  \\r')", STDIN).score == 0.5
    check = run(SUM + "; raise ValueError('late')", STDIN)
    assert (check.score, check.detail) == (0, "0/2 tests: ValueError: late")
    assert (
        run(f"import threading; threading.Thread(target=lambda: {SUM}).start()", STDIN).score == 1
    )


@needs_sandbox
@pytest.mark.parametrize("end", ["import sys; sys.exit(0)", "exit()", "import os; os._exit(0)"])
@pytest.mark.parametrize("tests", [ASSERTS, CALLS, STDIN])
def test_ending_with_status_zero_is_not_passing(run: Run, end: str, tests: str) -> None:
    check = run(end, tests)
    assert (check.score, check.failure) == (0, None)


@needs_sandbox
@pytest.mark.parametrize(
    "trick",
    [
        "class E(list):\n  __eq__ = lambda s, o: True\ndef add(a, b): return E()",
        "class E:\n  __eq__ = lambda s, o: True\ndef add(a, b): return E()",
        "class E(int):\n  __eq__ = lambda s, o: True\n  __ne__ = lambda s, o: False\n"
        "  __hash__ = None\ndef add(a, b): return E()",
        # answers of its own to whatever the tests ask
        "import os\nfor fd in range(3, 30):\n"
        '  try: os.write(fd, b\'["passed", ""]\\n\' * 9)\n  except OSError: pass\n'
        "def add(a, b): return None",
        # nothing in its own process knows what is expected
        "import gc\ndef add(a, b):\n"
        "  return next((o for o in gc.get_objects() if o == [1, 2] or o == 3), None)",
    ],
)
def test_a_verdict_cannot_be_forged(run: Run, trick: str) -> None:
    assert run(trick, ASSERTS).score == 0
    assert run(trick, CALLS).score == 0


@needs_sandbox
def test_a_program_cannot_replace_what_its_tests_compare_with(run: Run) -> None:
    tests = reference("assert", ["assert sorted(f([2, 1])) == sorted([1, 2])"])
    assert run("sorted = lambda x: 0\nf = lambda x: [7]", tests).score == 0
    assert run("f = lambda x: x", tests).score == 1
    tests = reference("assert", ["assert sum(2, 3) == 6"])
    assert run("def sum(a, b): return a * b", tests).score == 1


@needs_sandbox
def test_objects_stay_with_the_program(run: Run) -> None:
    setup = "import math\nclass Node:\n  def __init__(s, v): s.v, s.next = v, None\nn = Node(1)"
    tests = ["n.next = Node(2)", "assert total(n) == 3", "assert math.isclose(half(n), 0.5)"]
    program = (
        "def total(n): return n.v + (total(n.next) if n.next else 0)\ndef half(n): return n.v / 2"
    )
    assert run(program, reference("assert", tests, setup=setup)).score == 1


@needs_sandbox
def test_arguments_changed_in_place_and_exceptions_reach_the_tests(run: Run) -> None:
    tests = [
        "values = [2, 1]\norder(values)\nassert values == [1, 2]",
        "try:\n  order(None)\nexcept TypeError:\n  pass\nelse:\n  assert False",
    ]
    program = "def order(v):\n  if v is None: raise TypeError('none')\n  v.sort()"
    assert run(program, reference("assert", tests)).score == 1


@needs_sandbox
def test_what_plain_values_cannot_decide_is_unverifiable(run: Run) -> None:
    check = run("class P: pass\ndef f(): return P()", reference("assert", ["assert f() == f()"]))
    assert check.failure == "unverifiable"


@needs_sandbox
@pytest.mark.parametrize("tests", [ASSERTS, STDIN])
def test_a_program_that_does_not_end_fails(tests: str) -> None:
    with CodeChecker({**SETTINGS, "timeout_s": 1}, 1) as checker:
        check = checker.submit(Task("code", "", "while True: pass", tests))()
    assert (check.score, check.failure) == (0, None)
    assert check.detail == "0/2 tests: timeout"


@needs_sandbox
@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("x = bytearray(10**10)", "MemoryError"),
        ("import socket; socket.create_connection(('1.1.1.1', 80), 2)", "unreachable"),
        ("open('/usr/x', 'w')", "Read-only"),
        ("open('/x', 'w')", "Read-only"),
        ("open('/dev/shm/x', 'w')", "Read-only"),
        ("open('/tmp/x', 'wb').write(bytes(10**8))", "File too large"),
        ("import os; [open(f'/tmp/{i}', 'wb').write(bytes(10**7)) for i in range(9)]", "No space"),
        ("import os; os.listdir(os.path.expanduser('~'))", "No such file"),
        ("open('/proc/1/environ')", "No such file"),
        ("import os\nwhile True: os.fork()", "not permitted"),
        ("import subprocess; subprocess.run(['/bin/true'])", "not permitted"),
        ("while True: print('x' * 10**5)", "too much output"),
    ],
)
def test_the_sandbox_holds(run: Run, program: str, problem: str) -> None:
    check = run(program, STDIN)
    assert check.score == 0
    assert problem in check.detail


@needs_sandbox
def test_the_environment_is_not_the_callers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    program = "import os\nprint(sorted(set(os.environ) - {'LC_CTYPE'}))"
    expected = "['PWD', 'PYTHONHASHSEED', 'PYTHONPATH']"
    assert run(program, reference("stdin", [{"input": "", "output": expected}])).score == 1


@needs_sandbox
def test_any_error_text_can_be_written_down(run: Run) -> None:
    check = run("raise ValueError('\\udce9' + 'x' * 10**6)", ASSERTS)
    assert len(check.detail.encode()) <= 203
    assert check.detail.startswith("0/2 tests: ValueError: ?x")


@needs_sandbox
def test_only_the_first_tests_count() -> None:
    tests = reference("stdin", [{"input": "", "output": "a"}] * 2 + [{"input": "", "output": "b"}])
    with CodeChecker({**SETTINGS, "max_tests": 2}, 1) as checker:
        assert checker.submit(Task("code", "", "print('a')", tests))().detail == "2/2 tests"


def test_without_a_sandbox_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    task = Task("code", "", f"```python\n{ADD}\n```", ASSERTS)
    with caplog.at_level(logging.WARNING), CodeChecker({**SETTINGS, "sandbox": "auto"}, 1) as auto:
        assert [auto.submit(task)().failure for _ in range(3)] == ["unverifiable"] * 3
    assert len(caplog.records) == 1
    with CodeChecker(SETTINGS, 1) as checker, pytest.raises(InputError, match="bubblewrap"):
        checker.submit(task)


def test_a_response_or_reference_without_a_program_or_tests(checker: CodeChecker) -> None:
    assert checker.submit(Task("code", "", "I cannot do it.", ASSERTS))().failure == "unparsable"
    empty = reference("assert", [])
    assert checker.submit(Task("code", "", ADD, empty))().failure == "unverifiable"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```python\na = 1\n```\nor\n```python\na = 2\n```\n```\noutput\n```", "a = 2\n"),
        ("```\na = 1\n```\ntext", "a = 1\n"),
        ("```python\na = 1\n", "a = 1\n"),
        ("a = 1", "a = 1"),
        ("42", None),
        ("no program", None),
    ],
)
def test_the_program_is_the_last_python_block(answer: str, expected: str | None) -> None:
    assert find_program(answer) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("not json", "JSON"),
        ([1], "list"),
        ({"language": "c", "kind": "stdin", "tests": []}, "language: found 'c'"),
        ({"language": "python", "kind": "io", "tests": []}, "kind: found 'io'"),
        ({"language": "python", "kind": "stdin", "tests": {}}, "tests: found dict"),
        ({"language": "python", "kind": "stdin", "tests": [{"input": "1"}]}, "test 1"),
        ({"language": "python", "kind": "assert", "tests": ["assert ("]}, "not Python"),
        ({"language": "python", "kind": "call", "tests": []}, "function: found None"),
        ({"language": "python", "kind": "stdin", "tests": [], "time": 1}, "unknown key 'time'"),
    ],
)
def test_unreadable_references_are_refused(value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_code_reference(value)
