"""What lm-eval takes for the model: it passes messages on and answers with generations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from deepdistill.evaluation.generation import Generation
from deepdistill.responses.backends.backend import Request
from deepdistill.responses.rows import request


class Respondent(Protocol):
    """Answers requests, as :class:`deepdistill.evaluation.generation.Generations` does."""

    def answer(self, requests: Sequence[Request]) -> list[Generation]:
        """Return a generation for each request, in their order."""


class KeyedModel(LM):
    """lm-eval's side of a :class:`Respondent`.

    lm-eval wants a chat template to make text of messages, but rendering is the backend's part and
    the messages are what a generation's key is made of. So the text that passes through lm-eval is
    the messages as JSON. A task's generation_kwargs, stop strings among them, have no effect.

    ``model`` is the digest of the model's content, ``sampling`` a teacher's settings with the seed
    (:func:`deepdistill.responses.rows.request`).
    """

    tokenizer_name = ""  # lm-eval asks for one, to name caches that are not used here

    def __init__(self, generations: Respondent, model: str, sampling: Mapping[str, Any]) -> None:
        super().__init__()
        self._generations = generations
        self._model = model
        self._sampling = sampling

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return the messages as JSON."""
        return json.dumps(chat_history, ensure_ascii=False)

    def generate_until(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[Generation]:
        """Return one generation per request, in the order of ``requests``.

        lm-eval repeats a request for each of its samples, so the n-th one about a question is its
        n-th sample.
        """
        return self._generations.answer(list(self._requests(requests)))

    def _requests(self, instances: Sequence[Instance]) -> Iterator[Request]:
        samples: Counter[str] = Counter()
        for instance in instances:
            question = instance.doc["id"]
            samples[question] += 1
            messages = json.loads(instance.args[0])
            yield request(question, samples[question], messages, self._model, self._sampling)

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Not offered: generations have no likelihoods."""
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Not offered: generations have no likelihoods."""
        raise NotImplementedError
