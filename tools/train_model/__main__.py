"""Trains, exports and measures Cerebrum's bundled model, a tiny one for Python code."""

from __future__ import annotations

import argparse
from pathlib import Path

MODEL = Path("node_backend/bundled/cerebrum-tiny.gguf")
OUT = Path("build/train-model")


def parser() -> argparse.ArgumentParser:
    """Build the command line's parser."""
    top = argparse.ArgumentParser(prog="python -m tools.train_model", description=__doc__)
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--out", type=Path, default=OUT, help="checkpoints' folder (%(default)s)")
    common.add_argument("--model", type=Path, default=MODEL, help="GGUF file (%(default)s)")
    common.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    budget = argparse.ArgumentParser(add_help=False)
    budget.add_argument("--minutes", type=float, default=60.0, help="time budget (%(default)s)")
    budget.add_argument("--resume", action="store_true", help="continue from the checkpoint")
    sub.add_parser("train", parents=[common, budget], help="train, exporting snapshots on the way")
    exporting = sub.add_parser("export", parents=[common], help="write the checkpoint as GGUF")
    exporting.add_argument("--average", action="store_true", help="the running average's weights")
    sub.add_parser("evaluate", parents=[common], help="measure on the held-out files")
    writing = sub.add_parser("card", parents=[common], help="write MODEL_CARD.md beside the model")
    writing.add_argument("--note", default="", help="how the run strayed from the recipe")
    sub.add_parser("all", parents=[common, budget], help="train, export, evaluate, card")
    return top


def main() -> None:
    """Run one subcommand, or all in order."""
    args = parser().parse_args()
    # Only now, so that --help needs no torch.
    from tools.train_model import commands  # noqa: PLC0415

    everything = args.command == "all"
    if everything or args.command == "train":
        commands.train(args.minutes, args.out, args.model, args.resume, args.threads)
    if args.command == "export":
        commands.export_model(args.out, args.model, args.average)
    if everything or args.command == "evaluate":
        commands.measure(args.out, args.model, args.threads)
    if everything or args.command == "card":
        commands.write_card(args.out, args.model, getattr(args, "note", ""))


if __name__ == "__main__":
    main()
