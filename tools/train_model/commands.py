"""What the subcommands do: the pieces of this package, put together."""

from __future__ import annotations

import json
import platform
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from tools.train_model import card
from tools.train_model.corpus import Corpus, load_corpus
from tools.train_model.evaluation import evaluate
from tools.train_model.export import export
from tools.train_model.network import Network, Shape
from tools.train_model.schedule import Report
from tools.train_model.stream import Stream
from tools.train_model.tokenizer import load_tokenizer, train_tokenizer
from tools.train_model.training import Trainer


def say(text: str) -> None:
    """Print a plain line at once, so that a log file can be followed."""
    print(text, flush=True)


def progress() -> Callable[[Report], None]:
    """Progress that rewrites one line on a terminal and prints lines elsewhere."""
    if not sys.stdout.isatty():
        return lambda report: say(f"{time.strftime('%H:%M:%S')}  {report.line()}")
    console = Console()
    return lambda report: console.print(report.line(), end="\r", soft_wrap=True, highlight=False)


def train(minutes: float, out: Path, model: Path, resume: bool, threads: int) -> None:
    """Train for ``minutes``; every checkpoint's running average is exported to ``model`` too."""
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus()
    tokenizer_file = out / "tokenizer.json"
    if not (resume and tokenizer_file.exists()):
        train_tokenizer(s.text for s in corpus.training).save(str(tokenizer_file))
    tokenizer = load_tokenizer(tokenizer_file)
    stream = Stream(corpus.training, lambda text: tokenizer.encode(text).ids, random.Random(1))
    trainer = Trainer(Shape(), stream, out)
    if resume and trainer.checkpoint.exists():
        trainer.resume()
    say(f"{Shape().parameters():,} parameters, {len(corpus.training)} files")
    trainer.train(minutes * 60, progress(), lambda: export(trainer.average, tokenizer, model))
    export_model(out, model, average=False)


def load_network(out: Path, average: bool = False) -> Network:
    """Load the weights of the checkpoint in ``out`` (or their running average)."""
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    network = Network(Shape())
    network.load_state_dict(state["average" if average else "network"])
    return network.eval()


def export_model(out: Path, model: Path, average: bool) -> None:
    """Write the checkpoint in ``out`` as a GGUF file."""
    export(load_network(out, average), load_tokenizer(out / "tokenizer.json"), model)
    say(f"wrote {model.name}: {model.stat().st_size / 1e6:.2f} MB")


def measure(out: Path, model: Path, threads: int) -> None:
    """Measure the checkpoint and its GGUF file; keep the figures beside the checkpoint."""
    torch.set_num_threads(threads)
    corpus = load_corpus()
    network = load_network(out)
    tokenizer = load_tokenizer(out / "tokenizer.json")
    figures = {
        "file": {"name": model.name, "bytes": model.stat().st_size},
        "shape": {**asdict(network.shape), "parameters": network.shape.parameters()},
        "data": data_figures(corpus),
        "run": run_figures(out, threads),
        "held_out": evaluate(network, tokenizer, corpus, model, threads),
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    say(json.dumps(figures["held_out"], indent=2))


def data_figures(corpus: Corpus) -> dict[str, Any]:
    """Count both splits."""
    return {
        "source": "Python standard library",
        "python": platform.python_version(),
        "licence": "PSF-2.0",
        "training_files": len(corpus.training),
        "training_bytes": sum(s.size for s in corpus.training),
        "held_out_files": len(corpus.held_out),
        "held_out_bytes": sum(s.size for s in corpus.held_out),
    }


def run_figures(out: Path, threads: int) -> dict[str, Any]:
    """Read the run's length from its checkpoint and name the machine's kind, no more."""
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    return {
        "minutes": round(state["seconds"] / 60, 1),
        "tokens": state["tokens"],
        "steps": state["step"],
        "epochs": round(state["epoch"], 2),
        "threads": threads,
        "machine": platform.machine(),
    }


def write_card(out: Path, model: Path, note: str = "") -> None:
    """Write the card beside the model from the figures that ``measure`` kept."""
    figures = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    target = model.with_name("MODEL_CARD.md")
    target.write_text(card.render(figures, note), encoding="utf-8")
    say(f"wrote {target.name}")
