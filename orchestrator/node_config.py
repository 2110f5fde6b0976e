"""What can be set of one node."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

KINDS = {"11434": "ollama", "8080": "llama-server"}  # by their usual ports

Key = Annotated[SecretStr, Field(min_length=1)]


class NodeConfig(BaseModel):
    """One node of the pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    name: Annotated[str, Field(max_length=256)] = ""
    key: Key | None = None
    kind: Literal["cerebrum", "ollama", "llama-server"] = Field(
        "cerebrum",
        description="What runs there. A host without an agent gets one here, as a process. Not "
        "given: by the port, 11434 is Ollama's and 8080 llama-server's.",
    )
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None, description="Of a host without an agent: what it serves; none: its first model."
    )
    gpu: bool | None = Field(
        None,
        description="Whether it computes on a GPU: background work leaves such nodes free. Not "
        "given: as the node says.",
    )
    slots: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Requests that it computes at once without slowing each other down much. Not "
        "given: as the node says.",
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        if not re.match(r"https?://[^/\s]+", url):
            raise ValueError("an address is http://HOST:PORT or https://HOST:PORT")
        return url

    @model_validator(mode="before")
    @classmethod
    def _name_it(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = {"url": given.strip()}
        if not isinstance(given, dict):
            return given
        parts = urlsplit(str(given.get("url", "")))
        kind = KINDS.get(parts.netloc.rpartition(":")[2], "cerebrum")
        return {"kind": kind, **given, "name": given.get("name") or parts.netloc}
