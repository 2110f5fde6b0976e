"""How well the filters do on code that they were not built on: Python's standard library.

`python -m benchmarks.filters [FOLDER]` takes functions of every file below FOLDER, hides a part of
each, and makes that part worse in the ways that models are known for, or leaves it as it is. What
the filters show must be the part, but for white space at its end. Units: shares from 0 to 1.
"""

import argparse
import ast
import random
import sys
import sysconfig
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cerebrum_lsp.core.document import Cursor, Snapshot
from cerebrum_lsp.core.filters.pipeline import apply_filters

SEED = 20_260
FILES = 400
FUNCTIONS_PER_FILE = 4
LONGEST_MIDDLE_LINES = 12
NEXT_DEFINITION = "\n\n\ndef main():\n    run()\n"


@dataclass(frozen=True)
class Hidden:
    """A part of a function, hidden: what stands before and after it, and the function's rest."""

    prefix: str
    middle: str
    rest: str
    suffix: str


def shown(part: Hidden, raw: str) -> str:
    """Return what is shown of `raw` where `part` is hidden."""
    row, line_start = part.prefix.count("\n"), part.prefix.rfind("\n") + 1
    cursor = Cursor(row, len(part.prefix) - line_start)
    place = Snapshot("file:///code.py", 1, "python", "code.py", part.prefix, part.suffix, cursor)
    return apply_filters(raw, place).text


def functions(files: list[Path], chance: random.Random) -> Iterator[tuple[str, int, int]]:
    """Yield texts with the offsets of a function's body in them."""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        lines = text.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        bodies = [
            (starts[node.body[0].lineno - 1], starts[node.end_lineno or 0])
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and 4 <= (node.end_lineno or 0) - node.lineno < 60
        ]
        for begin, end in chance.sample(bodies, min(len(bodies), FUNCTIONS_PER_FILE)):
            yield text, begin, end


def hidden_lines(text: str, begin: int, end: int, chance: random.Random) -> Hidden:
    """Hide whole lines, as an editor would: the cursor stands on a fresh line."""
    lines = text[begin:end].splitlines(keepends=True)
    first = chance.randrange(len(lines))
    last = min(len(lines), first + chance.randint(1, LONGEST_MIDDLE_LINES))
    start = begin + len("".join(lines[:first]))
    stop = begin + len("".join(lines[:last]))
    line_end = len(text[start:stop]) - len(text[start:stop].rstrip("\n"))
    stop -= max(1, line_end) if line_end else 0
    return Hidden(text[:start], text[start:stop], text[stop:end], text[stop:])


def hidden_from_word(text: str, begin: int, end: int, chance: random.Random) -> Hidden:
    """Hide from somewhere within a line to a line's end."""
    whole = hidden_lines(text, begin, end, chance)
    first = whole.middle.split("\n", 1)[0]
    at = chance.randint(0, max(0, len(first) - 1))
    return Hidden(whole.prefix + first[:at], whole.middle[at:], whole.rest, whole.suffix)


def hidden_span(text: str, begin: int, end: int, chance: random.Random) -> Hidden:
    """Hide any characters."""
    start = chance.randrange(begin, end - 1)
    stop = min(end, start + chance.randint(1, 300))
    return Hidden(text[:start], text[start:stop], text[stop:end], text[stop:])


HIDING = {"lines": hidden_lines, "from word": hidden_from_word, "span": hidden_span}


def clean(part: Hidden, _: random.Random) -> str:
    return part.middle


def special_token(part: Hidden, chance: random.Random) -> str:
    token = chance.choice(["<|fim_pad|>", "<fim_suffix>", "<|file_sep|>", "<EOT>", "<|im_end|>"])
    return part.middle + token + chance.choice(["\n\n# Path: other.py\n", part.prefix[-60:]])


def fence(part: Hidden, chance: random.Random) -> str:
    tail = chance.choice(["", "\n\nThis code iterates over all of them.\n"])
    return f"```python\n{part.middle}\n```{tail}"


def chat(part: Hidden, _: random.Random) -> str:
    return f"Here is the completed code:\n\n```python\n{part.middle}\n```\n"


def prefix_echo(part: Hidden, _: random.Random) -> str | None:
    before = part.prefix[part.prefix.rfind("\n") + 1 :]
    if before.strip():
        return before + part.middle
    line = part.prefix.rstrip(" ").removesuffix("\n").rpartition("\n")[2]
    is_line = sum(map(str.isalnum, line)) > 1 and not before
    return f"{line}\n{part.middle}" if is_line else None


def overrun(part: Hidden, chance: random.Random) -> str | None:
    lines = part.rest.split("\n")
    count = chance.randint(2, 5)
    more = "\n".join(lines[:count])
    return part.middle + more if sum(map(str.isalnum, more)) > 2 else None


def half_line(part: Hidden, chance: random.Random) -> str | None:
    lines = [line for line in part.rest.split("\n")[1:] if line.strip()]
    if not lines or not lines[0].lstrip()[:1].isalnum() or part.rest[:1] != "\n":
        return None
    width = len(lines[0]) - len(lines[0].lstrip())
    return f"{part.middle}\n{lines[0][: chance.randint(width + 1, len(lines[0]))]}"


def next_definition(part: Hidden, _: random.Random) -> str:
    return part.middle + part.rest.rstrip() + NEXT_DEFINITION


def loop(part: Hidden, chance: random.Random) -> str | None:
    last = part.middle.rpartition("\n")[2]
    is_line = "\n" in part.middle and len(last.strip()) > 5 and part.rest[:1] == "\n"
    return part.middle + f"\n{last}" * chance.randint(2, 8) if is_line else None


def block_loop(part: Hidden, chance: random.Random) -> str | None:
    is_block = part.prefix[-1:] == "\n" and part.rest[:1] == "\n"
    lines = part.middle.split("\n")
    if not is_block or not 2 <= len(lines) <= 6 or len(set(lines)) < 2:
        return None
    return "\n".join([part.middle] * chance.randint(3, 6))


CORRUPTIONS: dict[str, Callable[[Hidden, random.Random], str | None]] = {
    each.__name__: each
    for each in (
        *(clean, special_token, fence, chat, prefix_echo, overrun, half_line, next_definition),
        *(loop, block_loop),
    )
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", default=sysconfig.get_path("stdlib"), type=Path)
    options.add_argument("--show", default="", help="print the wrong ones of this kind")
    options.add_argument("--files", default=FILES, type=int)
    given = options.parse_args()
    chance = random.Random(SEED)  # noqa: S311 - the same sample each time
    files = sorted(each for each in given.folder.rglob("*.py") if "site-packages" not in each.parts)
    files = chance.sample(files, min(len(files), given.files))
    right: dict[str, list[bool]] = defaultdict(list)
    slowest_ms = 0.0
    for text, begin, end in functions(files, chance):
        for way, hide in HIDING.items():
            part = hide(text, begin, end, chance)
            if not part.middle.strip():
                continue
            for kind, corrupt in CORRUPTIONS.items():
                raw = corrupt(part, chance)
                if raw is None:
                    continue
                started = time.process_time()
                text_shown = shown(part, raw)
                slowest_ms = max(slowest_ms, (time.process_time() - started) * 1000)
                is_right = text_shown.rstrip() == part.middle.rstrip()
                right[f"{kind}, {way}"].append(is_right)
                if given.show == f"{kind}, {way}" and not is_right:
                    print(f"----- {part.prefix[-160:]}‸{part.suffix[:120]}")
                    print(f"raw {raw!r}\nshown {text_shown!r}\nright {part.middle!r}")
    for name, results in sorted(right.items()):
        print(f"{name:28}{sum(results) / len(results):7.3f}{len(results):7}")
    print(f"slowest {slowest_ms:.1f} ms", file=sys.stderr)


if __name__ == "__main__":
    main()
