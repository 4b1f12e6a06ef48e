from __future__ import annotations

import pytest

from deepdistill.errors import InputError, exit_code


@pytest.mark.parametrize(
    ("raised", "status", "printed"),
    [
        (None, 0, ""),
        (InputError("x.jsonl: line 2: found 3"), 1, "error: x.jsonl: line 2: found 3\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_the_user_gave_wrong_is_one_line(
    raised: BaseException | None, status: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(argv: list[str]) -> None:
        assert argv == ["--x"]
        if raised:
            raise raised

    assert exit_code(main, ["--x"]) == status
    assert capsys.readouterr().err == printed


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    def main(argv: list[str]) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        exit_code(main, [])
