"""Free memory of the graphics cards, where there are some and their library can be asked."""

import functools
from typing import Any


def vram_free_bytes() -> int | None:
    """Return what all NVIDIA cards together have free; None where there is none to ask.

    Needs the extra `gpu` (nvidia-ml-py). A machine without a card, without its driver or without
    the extra is nothing to warn of.
    """
    library = _library()
    if library is None:
        return None
    try:
        count = library.nvmlDeviceGetCount()
        cards = [library.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
        free = [int(library.nvmlDeviceGetMemoryInfo(card).free) for card in cards]
        return sum(free) if free else None
    except library.NVMLError:
        return None


@functools.cache
def _library() -> Any:
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
