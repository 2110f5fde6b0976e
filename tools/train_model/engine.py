"""The real engine: llama.cpp's HTTP server inside this process, on an ephemeral port."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import xllamacpp  # type: ignore[import-untyped]  # the package has no stubs

_JSON = {"Content-Type": "application/json"}


class Engine:
    """A loaded GGUF file; every method is one request to llama.cpp."""

    def __init__(self, model: Path, threads: int = 2, batch: int = 2048) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(model)
        params.n_ctx, params.n_parallel, params.n_batch = 2048, 1, batch
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.port = 0
        params.verbosity = 0
        self._params = params
        self._server = xllamacpp.Server(params)
        self.address: str = self._server.listening_address

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send one JSON request and return the JSON answer."""
        data = json.dumps(body).encode()
        # Always the loopback address of the server in this process.
        request = Request(self.address + path, data, _JSON)  # noqa: S310
        with urlopen(request, timeout=120) as answer:  # noqa: S310
            result: dict[str, Any] = json.loads(answer.read())
        return result

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text, as the engine sees them."""
        body = {"content": text, "add_special": False, "parse_special": False}
        ids: list[int] = self.post("/tokenize", body)["tokens"]
        return ids

    def complete(self, ids: Sequence[int], limit: int = 64, **more: Any) -> dict[str, Any]:
        """Continue a prompt given as ids, greedily."""
        body = {"prompt": list(ids), "n_predict": limit, "temperature": 0.0, "top_k": 1, **more}
        return self.post("/completion", body)

    def infill(self, prefix: str, suffix: str, limit: int = 64, **more: Any) -> dict[str, Any]:
        """Fill in the middle, greedily, as an editor's request does."""
        body = {
            "input_prefix": prefix,
            "input_suffix": suffix,
            "n_predict": limit,
            "temperature": 0.0,
            "top_k": 1,
            **more,
        }
        return self.post("/infill", body)
