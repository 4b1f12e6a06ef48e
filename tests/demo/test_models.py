from __future__ import annotations

import logging
from pathlib import Path

import pytest

from deepdistill.demo.accuracy import chat_probe
from deepdistill.demo.models import build_model, save_model_folder
from deepdistill.demo.recipes import read_recipe, train_demo_model
from deepdistill.demo.tokenizer import vocabulary
from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.models import model_digest

QUICK = {"steps": 5, "batch_size": 4, "hidden_size": 32, "layers": 1, "target_accuracy": None}


@pytest.mark.parametrize("name", ["weak", "base"])
def test_a_model_folder_is_complete_and_follows_from_the_seed(tmp_path: Path, name: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_demo_model(name, {**QUICK, "seed": seed}, tmp_path / folder)
    digests = {folder: model_digest(tmp_path / folder) for folder in "abc"}
    assert digests["a"] == digests["b"] != digests["c"]

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "a")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "a")
    assert model.config.vocab_size == len(tokenizer) == len(vocabulary())
    assert model.config.head_dim == 32
    assert tokenizer.chat_template
    turn = [{"role": "user", "content": "Compute 7+12-5."}]
    prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_tensors="pt")
    output = model.generate(**prompt, max_new_tokens=3, do_sample=False)
    assert output.shape[1] > prompt["input_ids"].shape[1]
    log = read_json(tmp_path / "a" / "training_log.json")
    assert log["steps"] == 5
    assert len(log["losses"]) == 1


def test_an_unfinished_folder_never_takes_the_place_of_a_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    train_demo_model("base", QUICK, folder)
    before = model_digest(folder)
    model = build_model(32, 1, seed=9)

    def fail(path: Path) -> None:
        (path / "model.safetensors").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save_pretrained", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model_folder(model, folder, {})
    assert model_digest(folder) == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_training_stops_at_the_target_accuracy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    train_demo_model("weak", {"steps": 400, "target_accuracy": 0.02}, tmp_path / "weak")
    log = read_json(tmp_path / "weak" / "training_log.json")
    assert log["steps"] < 400
    assert log["accuracies"][-1]["accuracy"] >= 0.02
    assert all(probe["accuracy"] < 0.02 for probe in log["accuracies"][:-1])
    assert "reaches the target" in caplog.text


def test_an_untrained_model_answers_nothing() -> None:
    assert chat_probe(levels=2, per_level=4).accuracy(build_model(32, 1, seed=0)) == 0.0


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("teacher", {}, "demo.models: found 'teacher', allowed: weak, medium, strong, base"),
        ("weak", {"step": 5}, "demo.models.weak: found key 'step', allowed: batch_size"),
        ("weak", {"steps": 0}, "demo.models.weak.steps: found 0, allowed: .*minimum 1"),
        ("weak", {"hidden_size": 40}, "hidden_size: found 40, allowed: .*multipleOf 32"),
    ],
)
def test_a_wrong_setting_is_named(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recipe(name, config)


def test_a_diverging_run_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"loss is .*learning_rate .* is too high"):
        train_demo_model("base", {**QUICK, "steps": 60, "learning_rate": 1e30}, tmp_path / "m")
