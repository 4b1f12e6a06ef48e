"""The demo's models: tiny Qwen3 decoders in Hugging Face format, and their optimizers.

Architecture: Qwen3 (arXiv 2505.09388). Its RMS norm on queries and keys keeps a model of this size
stable at the learning rates that make a minute of CPU time enough. Heads are 32 wide because vLLM's
CPU attention knows no narrower ones; embeddings are tied as they would hold a third of the weights.

Optimizers: the hidden matrices are trained by Muon (arXiv 2502.16982), which orthogonalises each
update and so learns all directions of a matrix at the same pace, which saves steps where there are
few. It is defined for hidden matrices only, so embeddings and norms keep AdamW. Muon's updates are
scaled to AdamW's root mean square, so that one learning rate serves both.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdistill.demo.tokenizer import BOS, EOS, MAX_LENGTH, PAD, build_tokenizer, vocabulary
from deepdistill.files import write_json

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

HEAD_DIM = 32
# The usual 10,000 and 0.02 are for long contexts and wide models.
ROPE_THETA = 100.0
INITIALIZER_RANGE = 0.1
WEIGHT_DECAY = 0.05


def build_model(hidden_size: int, layers: int, seed: int) -> PreTrainedModel:
    """Return a randomly initialised model; ``hidden_size`` is a multiple of 32."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    heads = hidden_size // HEAD_DIM
    torch.manual_seed(seed)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(vocabulary()),
            hidden_size=hidden_size,
            intermediate_size=3 * hidden_size,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            head_dim=HEAD_DIM,
            max_position_embeddings=MAX_LENGTH,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
            initializer_range=INITIALIZER_RANGE,
            tie_word_embeddings=True,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
        )
    )


def build_optimizers(model: PreTrainedModel, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the hidden matrices and AdamW for everything else."""
    import torch

    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed_tokens" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed_tokens" in n]
    return [
        torch.optim.Muon(
            hidden,
            lr=learning_rate,
            weight_decay=WEIGHT_DECAY,
            momentum=0.95,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(
            others, lr=learning_rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY, fused=True
        ),
    ]


def save_model_folder(model: PreTrainedModel, folder: Path, training_log: dict[str, Any]) -> None:
    """Write weights, configuration, tokenizer, chat template and training log to ``folder``.

    The folder appears complete or not at all, and replaces an earlier one.
    """
    with _replaced_folder(folder) as temporary:
        model.save_pretrained(temporary)
        build_tokenizer().save_pretrained(temporary)
        write_json(temporary / "training_log.json", training_log)


@contextmanager
def _replaced_folder(folder: Path) -> Iterator[Path]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield temporary
        # Temporary folders and safetensors' files are private; a model is for the whole group.
        temporary.chmod(0o755)
        for file in temporary.iterdir():
            file.chmod(0o644)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
