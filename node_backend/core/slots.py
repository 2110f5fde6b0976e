"""The slots of one engine: who holds which.

A document keeps its slot where possible, since that slot's KV cache holds the beginning of its
prompt.
"""

Ticket = int
Slot = int


class Slots:
    """`count` slots, each held by at most one ticket."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._held: dict[Ticket, Slot] = {}
        self._last_key: dict[Slot, str | None] = {}
        self._idle: list[Slot] = list(range(count))  # the longest idle first

    @property
    def active(self) -> int:
        """Tickets that hold a slot."""
        return len(self._held)

    def take(self, ticket: Ticket, key: str | None) -> Slot | None:
        """Give an idle slot to `ticket`, if there is one; the same `key` prefers the same slot."""
        if not self._idle:
            return None
        slot = self._preferred(key)
        self._idle.remove(slot)
        self._held[ticket] = slot
        self._last_key[slot] = key
        return slot

    def free(self, ticket: Ticket) -> bool:
        """Take the slot of `ticket` back; return whether it held one."""
        slot = self._held.pop(ticket, None)
        if slot is None:
            return False
        self._idle.append(slot)
        return True

    def key_of(self, ticket: Ticket) -> str | None:
        """Return the key with which `ticket` took the slot that it holds."""
        return self._last_key[self._held[ticket]]

    def _preferred(self, key: str | None) -> Slot:
        """Return the slot that served `key` last, else one never used, else the longest idle.

        Those without a key are taken for one document: their prompts may begin alike too.
        """
        for slot in reversed(self._idle):
            if slot in self._last_key and self._last_key[slot] == key:
                return slot
        for slot in self._idle:
            if slot not in self._last_key:
                return slot
        return self._idle[0]
