"""Duplicates and contamination among generated questions, against datatrove, rensa and open-r1.

Questions have some 40 words and two numbers. A twentieth of them repeats an earlier one with a
word or two changed (near duplicates, of which those with a Jaccard similarity of at least 0.8
count), and as many have an earlier one's words with other numbers, which makes them questions of
their own.

- *duplicates*: from texts to what is dropped, against datatrove's MinHash pipeline (signatures,
  buckets, clusters), on as many questions as --peer says.
- *signatures*: MinHash signatures of 5-grams, against rensa's own from the same 5-grams.
- *recall* and *precision* of the near duplicates found.
- *contamination*: questions a second against 2,000 of a benchmark, and the share found of planted
  copies (other case and punctuation, inside a longer text, short ones), beside open-r1's scheme:
  8 words in a row, lower case, split at blanks.
- *memory* of a process of its own, for 3.4 million questions extrapolated from two sizes.

Seconds are those of processor time, of all threads together.

    make benchmark NAME=queries
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rensa import RMinHash

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.keys import query_id
from deepdistill.queries.contamination import Benchmarks, Question
from deepdistill.queries.duplicates import PERMUTATIONS, Duplicates, Query, Repeat
from deepdistill.queries.shingles import SHINGLE, fold, jaccard, shingle_hashes

SIMILARITY = 0.8
BATCH = 8192
SCALE = 3_400_000


def questions(count: int, seed: int = 1) -> tuple[list[str], dict[int, int]]:
    """Questions, and which earlier one a near duplicate repeats."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnoprstuvw"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(5000)]
    texts: list[str] = []
    repeated: dict[int, int] = {}
    for number in range(count):
        kind = draw.random()
        if number > 100 and kind < 0.1:
            original = draw.randrange(number)
            parts = texts[original].split()
            if kind < 0.05:
                for _ in range(draw.randint(1, 2)):
                    place = draw.randrange(len(parts))
                    if parts[place].isalpha():
                        parts[place] = draw.choice(words)
                repeated[number] = repeated.get(original, original)
            else:
                parts = [str(draw.randint(2, 999)) if p.isdigit() else p for p in parts]
        else:
            parts = draw.choices(words, k=draw.randint(25, 55))
            for _ in range(2):
                parts[draw.randrange(len(parts))] = str(draw.randint(2, 999))
        texts.append(" ".join(parts))
    return texts, repeated


def ours(queries: Sequence[Query]) -> dict[int, Repeat]:
    """What is dropped."""
    duplicates = Duplicates(SIMILARITY, "keep_first")
    for start in range(0, len(queries), BATCH):
        duplicates.add(queries[start : start + BATCH])
    for number in duplicates.candidates():
        duplicates.add_text(number, queries[number].text)
    return duplicates.decide()


def identified(texts: Sequence[str]) -> list[Query]:
    """The questions with the ids that they have since they were cleaned."""
    return [Query(query_id("math", text), text, None) for text in texts]


def datatrove(texts: Sequence[str]) -> int:
    """How many questions datatrove's pipeline removes."""
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupSignature,
    )
    from datatrove.utils.hashing import HashConfig

    # Its other hash function does not work with every version of xxhash.
    hashing = HashConfig(hash_fc="sha1")
    config = MinhashConfig(num_buckets=20, hashes_per_bucket=6, hash_config=hashing)
    with tempfile.TemporaryDirectory() as folder:
        signatures = MinhashDedupSignature(f"{folder}/s", config)
        signatures.run(Document(text=text, id=str(i)) for i, text in enumerate(texts))
        for bucket in range(config.num_buckets):
            MinhashDedupBuckets(f"{folder}/s", f"{folder}/b", config=config).run(
                None, bucket, config.num_buckets
            )
        MinhashDedupCluster(f"{folder}/b", f"{folder}/r", config).run(None, 0, 1)
        return sum(path.stat().st_size // 4 for path in Path(folder, "r").glob("*.remove"))


def our_signatures(texts: Sequence[str]) -> None:
    for start in range(0, len(texts), BATCH):
        hashes, offsets = shingle_hashes(texts[start : start + BATCH])
        RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, 42)


def rensa_signatures(texts: Sequence[str]) -> None:
    for start in range(0, len(texts), BATCH):
        sets = [
            [text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))]
            for text in texts[start : start + BATCH]
        ]
        RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, 42)


def variants(questions: Sequence[str], draw: random.Random) -> Iterator[tuple[str, str]]:
    """Copies of a benchmark's questions as training sets have them: kind and text."""
    for text in questions:
        words = text.split()
        yield "case", text.upper()
        yield "punctuation", " ".join(w + draw.choice(["", ",", ".", ";"]) for w in words)
        yield "inside", f"Please solve this: {text} Give reasons."
        yield "short", f"Q: {' '.join(words[:7])}? Answer:"


def open_r1(questions: Sequence[str], texts: Sequence[str]) -> list[bool]:
    """Which texts share 8 words in a row with a question, after lower case and split at blanks."""

    def grams(text: str) -> set[str]:
        words = text.lower().split()
        return {" ".join(words[i : i + 8]) for i in range(len(words) - 7)}

    known: set[str] = set().union(*(grams(text) for text in questions))
    return [bool(grams(text) & known) for text in texts]


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def peak_mb(count: int) -> float:
    """Most memory of a process that looks for duplicates among so many questions, in MB."""
    command = [sys.executable, __file__, "--memory", str(count)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def memory(count: int) -> None:
    """Print the peak of this process: texts come in batches, and are forgotten."""
    duplicates = Duplicates(SIMILARITY, "keep_first")
    for start in range(0, count, BATCH):
        texts, _ = questions(BATCH, seed=start)
        duplicates.add(identified(texts))
    candidates = duplicates.candidates()
    for start in range(0, count, BATCH):
        texts, _ = questions(BATCH, seed=start)
        for number, text in enumerate(texts, start):
            if number in candidates:
                duplicates.add_text(number, text)
    duplicates.decide()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--peer", type=int, default=20_000, help="questions for the peers")
    parser.add_argument("--memory", type=int, help="only print the memory for so many questions")
    args = parser.parse_args()
    if args.memory:
        memory(args.memory)
        return

    texts, repeated = questions(args.questions)
    queries = identified(texts)
    start = time.process_time()
    found = ours(queries)
    spent = time.process_time() - start
    print(f"questions {len(texts):,}: {len(found):,} dropped in {spent:.1f} s")
    folded = {n: (fold(texts[n]), fold(texts[o])) for n, o in repeated.items()}
    close = {n for n, pair in folded.items() if jaccard(*pair) >= SIMILARITY}
    near = {n for n, r in found.items() if r.reason == "near_duplicate"}
    right = {n for n in near if n in repeated}
    print(f"recall {len(close & found.keys()) / len(close):.4f} of {len(close):,} near duplicates")
    print(f"precision {len(right) / len(near):.4f}")

    part = texts[: args.peer]
    mine = seconds(lambda: ours(queries[: args.peer]))
    theirs = seconds(lambda: datatrove(part))
    print(f"duplicates: ours {len(part) / mine:,.0f}/s, datatrove {len(part) / theirs:,.0f}/s")
    print(f"ratio duplicates {theirs / mine:.1f}")
    mine, theirs = seconds(lambda: our_signatures(part)), seconds(lambda: rensa_signatures(part))
    print(f"signatures: ours {len(part) / mine:,.0f}/s, rensa {len(part) / theirs:,.0f}/s")
    print(f"ratio signatures {theirs / mine:.1f}")

    held, _ = questions(2000, seed=2)
    benchmarks = Benchmarks([Question("held", n, text) for n, text in enumerate(held, 1)], 13)
    short = Benchmarks([Question("held", 1, " ".join(text.split()[:7])) for text in held], 13)

    def match() -> None:
        for first in range(0, len(texts), BATCH):
            benchmarks.match(texts[first : first + BATCH])

    spent = seconds(match)
    print(f"contamination: {len(texts) / spent:,.0f} questions a second and core")
    planted = list(variants(held[:500], random.Random(3)))
    for kind in ("case", "punctuation", "inside", "short"):
        copies = [text for k, text in planted if k == kind]
        index = short if kind == "short" else benchmarks
        questions_of = [" ".join(t.split()[:7]) for t in held] if kind == "short" else held
        ours_found = sum(hit is not None for hit in index.match(copies)) / len(copies)
        theirs_found = sum(open_r1(questions_of, copies)) / len(copies)
        print(f"  {kind}: ours {ours_found:.3f}, open-r1 {theirs_found:.3f}")

    small, large = 200_000, 600_000
    low, high = peak_mb(small), peak_mb(large)
    extrapolated = high + (high - low) / (large - small) * (SCALE - large)
    print(f"memory: {low:.0f} MB of {small:,}, {high:.0f} MB of {large:,}")
    print(f"memory extrapolated to {SCALE:,}: {extrapolated:.0f} MB")


if __name__ == "__main__":
    main()
