"""How much ordinary code the redactor touches, and what it costs.

`python -m benchmarks.secrets [FILE.jsonl | FOLDER ...]` reads sources (rows with a `text`, or
Python files below a folder; without arguments the evaluation kit's and the standard library) and
prints the share of lines changed, with each changed line when asked.
"""

import argparse
import json
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

from cerebrum_lsp.core.secrets.redact import redact

EVALS = Path(__file__).parents[2] / "shared" / "evals" / "data" / "dev"
DEFAULT = (EVALS / "xfile_sources.jsonl", EVALS / "async_sources.jsonl")


def texts_of(source: Path) -> Iterator[str]:
    if source.is_dir():
        for file in sorted(source.rglob("*.py")):
            if "site-packages" not in file.parts:
                yield file.read_text(encoding="utf-8", errors="replace")
    else:
        for row in source.read_text(encoding="utf-8").splitlines():
            yield json.loads(row)["text"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("sources", nargs="*", type=Path)
    options.add_argument("--show", action="store_true", help="print the lines that are changed")
    given = options.parse_args()
    defaults = [*filter(Path.exists, DEFAULT), Path(sysconfig.get_path("stdlib"))]
    print(f"{'source':24}{'lines':>9}{'changed':>9}{'in 10,000':>11}{'ms in 10 kB':>13}")
    for source in given.sources or defaults:
        lines = changed = chars = 0
        started = time.process_time()
        for text in texts_of(source):
            after = redact(text).text
            lines, chars = lines + text.count("\n") + 1, chars + len(text)
            for before, now in zip(text.split("\n"), after.split("\n"), strict=True):
                if before != now:
                    changed += 1
                    if given.show:
                        print(f"  {before.strip()[:150]}\n→ {now.strip()[:150]}")
        ms = (time.process_time() - started) * 1000 / (chars / 10_000)
        print(f"{source.name:24}{lines:9}{changed:9}{changed * 10_000 / lines:11.2f}{ms:13.2f}")


if __name__ == "__main__":
    main()
