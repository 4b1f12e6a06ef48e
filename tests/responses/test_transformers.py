from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.files import read_json, write_json
from deepdistill.responses.backends.backend import Completion, Request

pytestmark = pytest.mark.slow

CONFIG = {"temperature": 1.0, "top_p": 0.95, "max_tokens": 20, "batch_size": 4, "dtype": "float32"}
QUESTIONS = ["1+1=?", "2+3+4=?", "7=?", "a b c", "9-8-7-6-5=?"]


@pytest.fixture(scope="module")
def model(build_model: Callable[..., Path]) -> Path:
    return build_model(positions=64, initializer_range=0.1)


def requests(questions: list[str]) -> list[Request]:
    return [
        Request(q, n, [{"role": "user", "content": q}], "key", seed=100 * sum(map(ord, q)) + n)
        for q in questions
        for n in (1, 2)
    ]


def complete(model: Path, asked: list[Request], **config: object) -> dict[tuple, Completion]:
    from deepdistill.responses.backends.local_transformers import TransformersBackend

    backend = TransformersBackend(str(model), {**CONFIG, **config})
    groups = list(backend.complete(asked))
    assert max(map(len, groups)) <= {**CONFIG, **config}["batch_size"]
    return {(c.request.query_id, c.request.pass_number): c for group in groups for c in group}


def test_a_row_depends_on_its_seed_and_not_on_its_batch(model: Path) -> None:
    everything = complete(model, requests(QUESTIONS))
    alone = complete(model, requests(QUESTIONS[2:3]), batch_size=1)
    assert len(everything) == 10
    assert {place: everything[place].text for place in alone} == {
        place: completion.text for place, completion in alone.items()
    }


def test_passes_differ_when_sampled_and_agree_when_greedy(model: Path) -> None:
    sampled = complete(model, requests(QUESTIONS))
    assert any(sampled[q, 1].text != sampled[q, 2].text for q in QUESTIONS)
    greedy = complete(model, requests(QUESTIONS), temperature=0)
    assert all(greedy[q, 1].text == greedy[q, 2].text for q in QUESTIONS)


def test_a_response_that_the_limit_cuts_says_so(model: Path) -> None:
    completions = complete(model, requests(QUESTIONS)).values()
    assert {c.finish_reason for c in completions} == {"stop", "length"}
    for completion in completions:
        assert completion.tokens_in == 2 + len(completion.request.messages[0]["content"])
        cut = completion.finish_reason == "length"
        assert completion.tokens_out == 20 if cut else completion.tokens_out <= 20


def test_a_response_ends_with_the_models_positions(model: Path) -> None:
    from deepdistill.responses.backends.local_transformers import TransformersBackend

    full = "1" * 62  # 64 prompt tokens: no position is left
    asked = requests(["2+3", "1" * 50, full])
    backend = TransformersBackend(str(model), {**CONFIG, "max_tokens": 1000})
    first, *others = backend.complete(asked)
    assert {(c.request.query_id, c.finish_reason, c.error) for c in first} == {
        (full, "error", "64 prompt tokens, but the model has 64 positions")
    }
    ends = {(c.tokens_in, c.tokens_out) for g in others for c in g if c.finish_reason == "length"}
    assert ends <= {(5, 59), (52, 12)}
    assert (52, 12) in ends
    alone = backend.complete(requests(["1" * 50]))
    together = [c.text for g in others for c in g if c.tokens_in == 52]
    assert sorted(c.text for g in alone for c in g) == sorted(together)


def test_what_the_models_folder_recommends_has_no_effect(model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    file = folder / "generation_config.json"
    recommended = {"repetition_penalty": 5.0, "temperature": 0.1, "min_new_tokens": 20}
    write_json(file, {**read_json(file), "do_sample": True, **recommended})
    assert [c.text for c in complete(folder, requests(QUESTIONS)).values()] == [
        c.text for c in complete(model, requests(QUESTIONS)).values()
    ]


def test_gumbel_noise_draws_from_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from deepdistill.responses.backends.local_transformers import GumbelNoise

    monkeypatch.setattr(GumbelNoise, "NUMBERS", 3)  # one step is looked at
    probabilities = torch.tensor([0.6, 0.3, 0.1])
    noise = GumbelNoise(list(range(20_000)))
    drawn = noise(torch.empty(0), probabilities.log().expand(20_000, 3)).argmax(dim=1)
    share = torch.bincount(drawn, minlength=3) / 20_000
    # Four standard errors of a share of 20,000 draws.
    assert torch.allclose(share, probabilities, atol=4 * (0.25 / 20_000) ** 0.5)


REFUSING = "{% if 'a' in messages[-1]['content'] %}{{ raise_exception('no a') }}{% endif %}"


def test_a_prompt_that_the_chat_template_refuses_is_an_error_of_its_request(
    model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    template = folder / "chat_template.jinja"
    template.write_text(REFUSING + template.read_text())
    completions = complete(folder, requests(QUESTIONS))
    assert {c.error for c in completions.values()} == {None, "chat template: no a"}
    refused = {place for place, c in completions.items() if c.finish_reason == "error"}
    assert refused == {("a b c", 1), ("a b c", 2)}


def test_a_batch_beyond_the_memory_is_halved_down_to_single_rows(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from deepdistill.responses.backends.local_transformers import TransformersBackend

    whole, sizes = TransformersBackend._batch, []

    def fits_two_rows_but_not_this_one(self: object, batch: list) -> list[Completion]:
        sizes.append(len(batch))
        if len(batch) > 2 or "a b c" in {prompt.request.query_id for prompt in batch}:
            raise torch.OutOfMemoryError("tried to allocate too much")
        return whole(self, batch)

    expected = complete(model, requests(QUESTIONS))
    monkeypatch.setattr(TransformersBackend, "_batch", fits_two_rows_but_not_this_one)
    found = complete(model, requests(QUESTIONS))
    assert found.keys() == expected.keys()
    for place, completion in found.items():
        if place[0] == "a b c":
            assert completion.error == "out of memory: tried to allocate too much"
        else:
            assert completion.text == expected[place].text
    assert sizes[0] == 4
    assert 1 in sizes


def test_a_folder_without_all_weights_is_refused(model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(model, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    name = next(n for n in sorted(weights) if "q_proj" in n)
    del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"weights {re.escape(name)} are missing"):
        complete(folder, requests(QUESTIONS))
