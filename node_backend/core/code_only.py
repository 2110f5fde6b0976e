"""Makes insertable text of a chat model's answer, while it is coming.

    state    what is done with what comes
    opening  held back until it is clear whether a code fence opens it: its line is dropped
    echo     held back while it may repeat the line before the cursor: the repetition is dropped
    body     passed on, except what may be the beginning of a stop sequence or of the closing fence
    stopped  dropped

The caller's stop sequences are looked for in here, not by the engine: it would end at the line
break of an opening fence.
"""

from collections.abc import Sequence
from typing import Literal

FENCE = "```"
CLOSING = "\n" + FENCE
MIN_ECHO_CHARS = 3  # of fewer, like a bracket, nobody can say whether it repeats or goes on

State = Literal["opening", "echo", "body", "stopped"]


class CodeOnly:
    """One answer for the place after `prefix`. Feed it pieces; it returns what may be shown."""

    def __init__(self, prefix: str, stop: Sequence[str] = ()) -> None:
        line = prefix.rpartition("\n")[2]
        self._echo = line.strip()
        self._blanks = line[len(line.rstrip()) :] if self._echo else line
        self._stop = [each for each in stop if each]
        self._held = ""
        self._state: State = "opening"

    @property
    def has_stopped(self) -> bool:
        """Whether nothing more will come out."""
        return self._state == "stopped"

    def feed(self, piece: str) -> str:
        """Take a piece of the answer; return what of the insertable text stands now."""
        self._held += piece
        if self._state == "opening":
            self._open(is_end=False)
        if self._state == "echo":
            self._drop_echo(is_end=False)
        return self._pass_on() if self._state == "body" else ""

    def end(self) -> str:
        """Return what was held back: nothing more comes."""
        if self._state == "opening":
            self._open(is_end=True)
        if self._state == "echo":
            self._drop_echo(is_end=True)
        if self.has_stopped:
            return ""
        shown = self._pass_on()
        is_fence_begun = self._is_fenced and CLOSING.startswith(self._held)
        rest, self._held, self._state = self._held, "", "stopped"
        return shown if is_fence_begun else shown + rest

    @property
    def _is_fenced(self) -> bool:
        return CLOSING in self._stop

    def _open(self, *, is_end: bool) -> None:
        start = self._held.lstrip()
        if not is_end and len(start) < len(FENCE) and FENCE.startswith(start):
            return
        if start.startswith(FENCE):
            _, line_end, rest = start.partition("\n")
            if not line_end and not is_end:
                return
            self._held = rest
            self._stop = [*self._stop, CLOSING]
        self._state = "echo"

    def _drop_echo(self, *, is_end: bool) -> None:
        """Drop what repeats the cursor's line, or else the blanks that stand before the cursor."""
        if self._is_fenced and self._held.startswith(FENCE):
            self._state = "stopped"
        elif is_end or not self._is_undecided():
            start = self._held.lstrip(" \t")
            if len(self._echo) >= MIN_ECHO_CHARS and start.startswith(self._echo):
                self._held = start.removeprefix(self._echo)
            self._held = _without_blanks(self._held, self._blanks)
            self._state = "body"

    def _is_undecided(self) -> bool:
        """Whether the next character may change what has to be dropped."""
        start = self._held.lstrip(" \t")
        if self._is_fenced and FENCE.startswith(self._held):
            return True
        if len(self._echo) < MIN_ECHO_CHARS or not start.startswith(self._echo):
            is_echo_begun = len(self._echo) >= MIN_ECHO_CHARS and self._echo.startswith(start)
            return is_echo_begun or (not start and len(self._held) < len(self._blanks))
        rest = start.removeprefix(self._echo)
        return not rest.strip(" \t") and len(rest) < len(self._blanks)

    def _pass_on(self) -> str:
        """Return all that is certain; at a stop sequence, what stands before it."""
        ends = [at for each in self._stop if (at := self._held.find(each)) >= 0]
        if ends:
            shown, self._held, self._state = self._held[: min(ends)], "", "stopped"
            return shown
        keep = max((_overlap(self._held, each) for each in self._stop), default=0)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown


def _without_blanks(text: str, blanks: str) -> str:
    """Drop from the beginning of `text` what agrees with `blanks`."""
    for blank in blanks:
        if not text.startswith(blank):
            break
        text = text[1:]
    return text


def _overlap(text: str, sequence: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of `sequence`."""
    for length in range(min(len(text), len(sequence) - 1), 0, -1):
        if text.endswith(sequence[:length]):
            return length
    return 0
