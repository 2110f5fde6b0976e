"""Messages in a stream of bytes: headers, an empty line, so many bytes of body, over and over.

What is no header is passed over until one comes: after damage the next whole message counts.
"""

import re

MAX_BODY_BYTES = 64_000_000  # no document that an editor opens is as large
MAX_HEADER_BYTES = 65_536
LENGTH = re.compile(rb"content-length: *(\d{1,18}) *\r?\n", re.IGNORECASE)
END = re.compile(rb"\r?\n\r?\n")


class Framing:
    """Takes in bytes as they come, and gives out bodies when they are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None

    def feed(self, data: bytes) -> None:
        """Take in what was read."""
        self._buffer += data

    def next(self) -> bytes | None:
        """Return the next body, None until there is a whole one."""
        while self._length is None:
            if not self._take_header():
                return None
        if len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._length = None
        return body

    def _take_header(self) -> bool:
        """Take the bytes up to the next empty line; return whether there were any to take."""
        end = END.search(self._buffer)
        if end is None:
            if len(self._buffer) > MAX_HEADER_BYTES:
                del self._buffer[:-MAX_HEADER_BYTES]
            return False
        header = bytes(self._buffer[: end.end()])
        del self._buffer[: end.end()]
        lengths = LENGTH.findall(header)
        if lengths and int(lengths[-1]) <= MAX_BODY_BYTES:
            self._length = int(lengths[-1])
        return True
