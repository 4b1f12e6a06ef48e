"""A small word-level tokenizer that loses nothing of the demo's texts.

A text is cut into the longest known pieces: the response format's tags, pieces of code, words of
the task families with or without the blank before them; whatever is left is cut into single
characters, so a number is read digit by digit. The tags are ordinary vocabulary:
``skip_special_tokens=True`` deletes special tokens, and with them the response's structure.

Turns are marked by special tokens. The chat template accepts a system turn and leaves it out: the
demo's models were trained without any and know one response format only.
"""

from __future__ import annotations

import random
import re
import string
from functools import cache
from typing import TYPE_CHECKING

from deepdistill.demo.curriculum import DRAW

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>", "<user>", "<assistant>")
PAD, BOS, EOS, UNK, USER, ASSISTANT = range(len(SPECIAL))
TAGS = ("<think>", "</think>", "<answer>", "</answer>", "\\boxed{")
CODE_PIECES = ("```python\n", "\n```", "\n    ", " = ", " + ", " - ", " * ", " > ", "[::-1]")
CHARACTERS = tuple(string.digits + string.ascii_letters + string.punctuation + " \n\t")
MAX_LENGTH = 512  # tokens

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<user>' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<assistant>' + message['content'] + eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def _words() -> list[str]:
    """Return the words of the task families, seen in a fixed sample of examples."""
    rng = random.Random(0)
    found: set[str] = set()
    for draw in DRAW.values():
        for _ in range(500):
            example = draw(rng.randint(1, 3), rng)
            found.update(re.findall(r"[A-Za-z]{2,}", f"{example.question}\n{example.response}"))
    return [piece for word in sorted(found) for piece in (f" {word}", word)]


@cache
def vocabulary() -> dict[str, int]:
    """Return the tokens with their ids: special tokens, pieces, words, characters."""
    tokens = [*SPECIAL, *TAGS, *CODE_PIECES, *_words(), *CHARACTERS]
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer, with its chat template, as transformers and vLLM load it."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(vocab=vocabulary(), unk_token=SPECIAL[UNK]))
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    pieces = sorted((t for t in vocabulary() if t not in SPECIAL), key=len, reverse=True)
    pattern = "|".join(re.escape(piece) for piece in pieces) + r"|[\s\S]"
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[PAD],
        bos_token=SPECIAL[BOS],
        eos_token=SPECIAL[EOS],
        unk_token=SPECIAL[UNK],
        padding_side="left",
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
