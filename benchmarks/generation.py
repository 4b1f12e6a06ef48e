"""Tokens per second of a whole generation job with the backend vllm, against the bare engine.

Ours is `generate_shard` as the workflow runs it: keys, chat template, tokens, seeds, part files and
the artifact; only the model is loaded already. Bare is `LLM.generate` on the finished prompts as
token ids, with the same sampling parameters and seeds, all of them at once, and the texts as its
result. Both use the same engine in the same process, in turn, with its prefix cache emptied before
each.

Without ``--model`` it makes one: a Qwen3 of 15 million random weights, whose responses end by
chance.

    make benchmark NAME=generation
    make benchmark NAME=generation ARGS="--model FOLDER --dtype bfloat16 --engine {}"
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.files import read_json
from deepdistill.keys import query_id
from deepdistill.models import work_offline
from deepdistill.responses.backends import vllm_engine
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.prompts import Prompt
from deepdistill.responses.rows import requests
from deepdistill.schemas import CATEGORIES, SHARD
from deepdistill.tables import from_rows

HIDDEN, LAYERS = 384, 8
ENGINE = {"enforce_eager": True, "gpu_memory_utilization": 0.1, "max_num_seqs": 32}
PROMPT = Prompt(None, dict.fromkeys(CATEGORIES, "{question}"))


class Rate(NamedTuple):
    """Tokens that a run generated, and its seconds."""

    tokens: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


def make_model(folder: Path) -> Path:
    """Write a model of random weights, whose tokens cost more than what is done with them."""
    from deepdistill.demo.models import build_model, save_model_folder

    save_model_folder(build_model(HIDDEN, LAYERS, seed=1), folder, {})
    return folder


def queries(number: int) -> pa.Table:
    """Return a shard of sums, always the same ones."""
    rng = random.Random(1)
    texts = [
        " + ".join(str(rng.randrange(10**6)) for _ in range(rng.randint(2, 12)))
        for _ in range(number)
    ]
    rows = [
        {
            "query_id": query_id("math", text),
            "category": "math",
            "source": "sums",
            "source_line": line,
            "messages": [{"role": "user", "content": f"{text} = ?"}],
            "reference": "",
        }
        for line, text in enumerate(texts, start=1)
    ]
    return from_rows(SHARD, rows).sort_by("query_id")


def ours(llm: Any, model: str, table: pa.Table, config: Mapping[str, Any]) -> Rate:
    """Generate the shard's responses as a job does, once the engine is open."""
    vllm_engine.open_engine = lambda *_: llm.llm_engine
    with tempfile.TemporaryDirectory() as name:
        output, metrics = Path(name) / "00000-of-00001.parquet", Path(name) / "metrics.json"
        start = time.perf_counter()
        generate_shard(
            table,
            PROMPT,
            model,
            lambda: vllm_engine.VllmBackend(model, config),
            config,
            output,
            metrics,
        )
        seconds = time.perf_counter() - start
        return Rate(read_json(metrics)["tokens_out"], seconds)


def bare(llm: Any, prompts: Sequence[list[int]], sampling: Sequence[Any]) -> Rate:
    """Generate the same with the engine alone."""
    start = time.perf_counter()
    outputs = llm.generate(
        [{"prompt_token_ids": tokens} for tokens in prompts], sampling, use_tqdm=False
    )
    seconds = time.perf_counter() - start
    return Rate(sum(len(output.outputs[0].token_ids) for output in outputs), seconds)


def bare_requests(
    llm: Any, model: str, table: pa.Table, config: Mapping[str, Any]
) -> tuple[list[list[int]], list[Any]]:
    """Return prompts and sampling parameters of the shard's requests, in their order."""
    from vllm import SamplingParams

    tokenizer = llm.get_tokenizer()
    prompts, sampling = [], []
    for request in requests(table, PROMPT, model, config):
        text = tokenizer.apply_chat_template(
            request.messages, add_generation_prompt=True, tokenize=False
        )
        prompts.append(tokenizer.encode(text, add_special_tokens=False))
        sampling.append(
            SamplingParams(
                temperature=config["temperature"],
                top_p=config["top_p"],
                max_tokens=config["max_tokens"],
                seed=request.seed,
            )
        )
    return prompts, sampling


def main() -> None:
    """Run both in turn and print the median of the rounds' ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="model folder; without it one is made")
    parser.add_argument("--queries", type=int, default=50, help="default: 50")
    parser.add_argument("--passes", type=int, default=4, help="default: 4")
    parser.add_argument("--max-tokens", type=int, default=64, help="default: 64")
    parser.add_argument("--dtype", default="float32", help="default: float32")
    parser.add_argument(
        "--engine", type=json.loads, default=ENGINE, help=f"default: {json.dumps(ENGINE)}"
    )
    parser.add_argument("--rounds", type=int, default=9, help="default: 9")
    args = parser.parse_args()
    work_offline()
    with tempfile.TemporaryDirectory() as name:
        measure(args.model or str(make_model(Path(name) / "model")), args)


def measure(model: str, args: argparse.Namespace) -> None:
    """Load the model, run the rounds and print what they took."""
    config = {
        "backend": "vllm",
        "dtype": args.dtype,
        "passes": args.passes,
        "temperature": 0.6,
        "top_p": 0.95,
        "seed": 1,
        "max_tokens": args.max_tokens,
        "attempts": 3,
        "engine": args.engine,
        "format": "plain",
    }
    arguments = vllm_engine.engine_arguments(model, config)
    from vllm import LLM

    llm = LLM.from_engine_args(arguments)
    table = queries(args.queries)
    prompts, sampling = bare_requests(llm, model, table, config)
    bare(llm, prompts[:64], sampling[:64])
    rounds = []
    for number in range(args.rounds):
        run = {}
        for name in ("ours", "bare") if number % 2 == 0 else ("bare", "ours"):
            llm.reset_prefix_cache()
            if name == "ours":
                run[name] = ours(llm, model, table, config)
            else:
                run[name] = bare(llm, prompts, sampling)
        rounds.append(run)
        taken = [f"{name} {run[name].tokens} tokens in {run[name].seconds:.2f} s" for name in run]
        print(f"round {number + 1}: {', '.join(taken)}", flush=True)
    ratios = [run["ours"].per_second / run["bare"].per_second for run in rounds]
    rates = {n: statistics.median(run[n].per_second for run in rounds) for n in ("ours", "bare")}
    print(f"responses {len(prompts)}, each seeded; medians of {args.rounds} rounds")
    print(f"ours {rates['ours']:.0f} tokens per second, bare {rates['bare']:.0f} tokens per second")
    print(f"ratio generation {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
