from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.responses.published.files import data_files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "b.jsonl", "a/2.parquet", "a/1.parquet", "a.json.gz", "c.jsonl.zst")
    names = [file.name for file in data_files(tmp_path)]
    assert names == ["a.json.gz", "a/1.parquet", "a/2.parquet", "b.jsonl", "c.jsonl.zst"]


def test_what_is_no_data_is_left_out(tmp_path: Path) -> None:
    no_data = ["README.md", ".cache/a.parquet", "train/state.json", "train/dataset_info.json"]
    touch(tmp_path, "train/data-00000-of-00001.arrow", "train/cache-4f.arrow", *no_data)
    assert [f.name for f in data_files(tmp_path)] == ["train/data-00000-of-00001.arrow"]


def test_the_number_of_the_pass_stands_in_the_name(tmp_path: Path) -> None:
    touch(
        tmp_path, *(f"{c}_{t}_{n}pass.jsonl" for c in ("math", "if") for t in "xr" for n in (1, 2))
    )
    found = data_files(tmp_path, "*_r_{pass}pass.jsonl")
    assert [(f.name, f.pass_number) for f in found] == [
        ("if_r_1pass.jsonl", 1),
        ("if_r_2pass.jsonl", 2),
        ("math_r_1pass.jsonl", 1),
        ("math_r_2pass.jsonl", 2),
    ]
    assert {f.pass_number for f in data_files(tmp_path, "*_r_*.jsonl")} == {None}


def test_one_file_is_its_folders_only_one(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl", "b.jsonl")
    assert [f.path for f in data_files(tmp_path / "b.jsonl")] == [tmp_path / "b.jsonl"]


@pytest.mark.parametrize(
    ("data", "pattern", "message"),
    [
        ("absent", "*", r"absent: no such file or folder of published responses"),
        ("", "*_r2_*", r"found no file of published responses named like '\*_r2_\*', allowed: "),
        ("a.csv", "*", r"a\.csv: found no file .* names that end in \.parquet, \.arrow, \.jsonl, "),
        ("", "r1_{pass}*", r"r1_0pass\.jsonl: found the pass 0 in its name, allowed: from 1"),
    ],
)
def test_files_that_are_not_there_are_named(
    tmp_path: Path, data: str, pattern: str, message: str
) -> None:
    touch(tmp_path, "r1_0pass.jsonl", "a.csv")
    with pytest.raises(InputError, match=message):
        data_files(tmp_path / data, pattern)
