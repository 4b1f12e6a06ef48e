from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.training.samples import IGNORED, require_dataset, tokenise


def test_only_the_last_assistant_turn_carries_loss(write_dataset, tokenizer, tmp_path: Path):
    dialogue = [("user", "1+1=?"), ("assistant", "2"), ("user", "3+3=?"), ("assistant", "a=6")]
    samples = tokenise(write_dataset([dialogue]), tokenizer, 64, tmp_path / "cache")
    (row,) = samples.dataset
    learned = [label for label in row["labels"] if label != IGNORED]
    assert tokenizer.decode(learned) == "a=6<eos>"
    assert tokenizer.decode(row["input_ids"]) == (
        "<user>1+1=?<assistant>2<eos><user>3+3=?<assistant>a=6<eos>"
    )


def test_long_samples_are_dropped_and_counted_never_cut(write_dataset, tokenizer, tmp_path: Path):
    dialogues = [[("user", "1?"), ("assistant", "a" * n)] for n in (3, 40, 5, 41)]
    samples = tokenise(write_dataset(dialogues), tokenizer, 45, tmp_path / "cache")
    assert samples.dropped == 1
    assert [len(row["input_ids"]) for row in samples.dataset] == [8, 45, 10]


def test_all_samples_too_long_is_an_error(write_dataset, tokenizer, tmp_path: Path):
    path = write_dataset([[("user", "1?"), ("assistant", "2")]])
    with pytest.raises(InputError, match="all 1 samples exceed max_length = 3"):
        tokenise(path, tokenizer, 3, tmp_path / "cache")


@pytest.mark.parametrize(
    ("dialogue", "message"),
    [
        ([("user", "1?")], "row 1: messages end with user"),
        ([], "row 1: messages end with nothing"),
        ([("assistant", "1")], "row 1: messages hold no query"),
    ],
)
def test_a_row_without_an_answer_to_learn_is_named(
    write_dataset, tokenizer, tmp_path: Path, dialogue, message
):
    good = [("user", "1?"), ("assistant", "2")]
    with pytest.raises(InputError, match=message):
        tokenise(write_dataset([good, dialogue]), tokenizer, 64, tmp_path / "cache")


def test_a_template_that_deletes_thinking_is_refused(write_dataset, tokenizer, tmp_path, sums):
    from copy import deepcopy

    tokenizer = deepcopy(tokenizer)
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "m['content'] + eos", "m['content'].split('</think>')[-1] + eos"
    )
    with pytest.raises(InputError, match="drops a part of the assistant's message"):
        tokenise(write_dataset(sums), tokenizer, 64, tmp_path / "cache")


def test_an_unusable_file_is_one_line(write_dataset, tmp_path: Path):
    with pytest.raises(InputError, match="data set is empty"):
        require_dataset(write_dataset([]))
    with pytest.raises(InputError, match=r"nowhere\.digest\.json: No such file"):
        require_dataset(tmp_path / "nowhere.digest.json")
    manifest = write_dataset([[("user", "1?"), ("assistant", "2")]])
    part = manifest.with_name("train-00000-of-00001.parquet")
    part.write_bytes(b"x" * part.stat().st_size)
    with pytest.raises(InputError, match=r"train-00000-of-00001\.parquet: not a readable"):
        require_dataset(manifest)
