from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from deepdistill.demo.curriculum import DRAW, draw_raw_batch
from deepdistill.demo.tokenizer import CHARACTERS, TAGS, build_tokenizer, vocabulary

TOKENIZER = build_tokenizer()
PIECES = [t for t in vocabulary() if not re.fullmatch(r"<(pad|bos|eos|unk|user|assistant)>", t)]


def _ids(text: str) -> list[int]:
    return TOKENIZER(text, add_special_tokens=False)["input_ids"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_nothing_is_lost(text: str) -> None:
    if any(special in text for special in TOKENIZER.all_special_tokens):
        return
    assert TOKENIZER.decode(_ids(text), skip_special_tokens=True) == text


def test_demo_texts_need_no_unknown_token() -> None:
    rng = random.Random(1)
    examples = [draw(level, rng) for draw in DRAW.values() for level in (1, 2, 3) * 20]
    texts = [t for e in examples for t in (e.question, e.response)] + draw_raw_batch(5, 20, rng)
    for text in texts:
        assert TOKENIZER.unk_token_id not in _ids(text)
        assert TOKENIZER.decode(_ids(text), skip_special_tokens=True) == text


def test_numbers_are_read_digit_by_digit() -> None:
    assert not [t for t in vocabulary() if sum(c.isdigit() for c in t) > 1]
    assert TOKENIZER.convert_ids_to_tokens(_ids("120+7")) == ["1", "2", "0", "+", "7"]


def test_tags_are_single_ordinary_tokens() -> None:
    for tag in TAGS:
        assert len(_ids(tag)) == 1
        assert tag not in TOKENIZER.all_special_tokens
    assert set(CHARACTERS) <= set(vocabulary())


def _render(*turns: tuple[str, str], prompt: bool = False) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    return TOKENIZER.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)


def test_the_chat_template_extends_a_prompt_by_its_response() -> None:
    user, assistant = ("user", "Compute 7+12."), ("assistant", "<think>x</think>")
    prompt = _render(user, prompt=True)
    assert _render(user, assistant) == prompt + "<think>x</think>" + TOKENIZER.eos_token
    assert _render(("system", "Think."), user, prompt=True) == prompt
