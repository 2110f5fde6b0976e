"""Server-sent events, from bytes as they arrive (WHATWG HTML, section 9.2). Pure."""

from dataclasses import dataclass, field


@dataclass
class EventStream:
    """Takes bytes in, gives (event name, data) out; what nobody here sends or needs is skipped."""

    _rest: bytes = b""
    _name: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[tuple[str, str]]:
        """Return the events that `chunk` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        events = []
        for each in lines:
            line = each.removesuffix(b"\r").decode(errors="replace")
            if line:
                self._take(line)
                continue
            if self._data:
                events.append((self._name, "\n".join(self._data)))
            self._name, self._data = "", []
        return events

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
