"""Fill, and samples per second, of our packing beside TRL's on realistic lengths.

The lengths are those of long reasoning: log-normal with a median of 3,000 tokens, below the limit
of 32,768. All of them go to ours and to TRL's in batches of 1,000, which is how its trainer calls
it. As one batch TRL's packs best but takes time with the square of the samples, so both get the
first ``--whole`` of them once more in that way. TRL's moves the tokens while it packs, ours puts a
pack together when it is read; so that this is not compared, TRL's gets tokens that take no memory.
Seconds are of the processor.

    make benchmark NAME=packing
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.training.packing import best_fit_decreasing

Lengths = npt.NDArray[np.int64]


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=500_000)
    parser.add_argument("--capacity", type=int, default=32_768)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whole", type=int, default=20_000, help="samples as one batch of TRL's")
    args = parser.parse_args(argv)
    lengths = reasoning_lengths(args.samples, args.capacity, args.seed)
    some = lengths[: args.whole]
    print(f"{len(lengths):,} samples, {lengths.sum() / 1e9:.2f} G tokens, {args.capacity} a pack\n")
    print("| packer | samples | packs | fill | seconds | samples/s |")
    print("|---|--:|--:|--:|--:|--:|")
    ours = packed("ours", lengths, args.capacity, ours_packs)
    few = packed("ours", some, args.capacity, ours_packs)
    batches = packed("TRL, batches of 1,000", lengths, args.capacity, partial(trl_packs, 1000))
    whole = packed("TRL, one batch", some, args.capacity, partial(trl_packs, len(some)))
    print()
    print(f"ratio packing {ours.rate / batches.rate:.2f} (samples/s, beside TRL's batches)")
    print(f"ratio packing-whole {few.rate / whole.rate:.2f} (samples/s, beside one batch)")
    print(f"fill {ours.fill:.4%}, wanted at least 99.9 %")


class Packed(NamedTuple):
    """Share of the packs' room that samples take, and samples per second."""

    fill: float
    rate: float


def packed(
    name: str, lengths: Lengths, capacity: int, pack: Callable[[Lengths, int], int]
) -> Packed:
    """Time a packer in processor seconds, and print its line."""
    started = time.process_time()
    packs = pack(lengths, capacity)
    seconds = time.process_time() - started
    found = Packed(lengths.sum() / (capacity * packs), len(lengths) / seconds)
    line = f"{packs:,} | {found.fill:.4%} | {seconds:.2f} | {found.rate:,.0f}"
    print(f"| {name} | {len(lengths):,} | {line} |", flush=True)
    return found


def ours_packs(lengths: Lengths, capacity: int) -> int:
    """Return how many packs ours makes."""
    return len(best_fit_decreasing(lengths, capacity))


def reasoning_lengths(samples: int, capacity: int, seed: int) -> Lengths:
    """Draw lengths in tokens, each at most the capacity."""
    drawn = np.random.default_rng(seed).lognormal(8.0, 0.9, 2 * samples).astype(np.int64) + 50
    return drawn[drawn <= capacity][:samples]


def trl_packs(batch: int, lengths: Lengths, capacity: int) -> int:
    """Return how many packs TRL's packer makes, of ``batch`` samples at a time.

    The tokens are nulls, of which nothing has to be moved.
    """
    from trl.data_utils import _pack_bfd

    packs = 0
    for start in range(0, len(lengths), batch):
        part = lengths[start : start + batch]
        offsets = pa.array(np.concatenate([[0], np.cumsum(part)]), pa.int64())
        tokens = pa.nulls(int(part.sum()), pa.null())
        column = pa.LargeListArray.from_arrays(offsets, tokens)
        packs += len(_pack_bfd(pa.table({"input_ids": column}), capacity))
    return packs


if __name__ == "__main__":
    main(sys.argv[1:])
