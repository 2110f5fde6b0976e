"""Looks for what could be a node in a network that was named, and says what it found; no more.

Only on demand, since to knock at every door of a network is nothing that a program does by itself.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import httpx

from orchestrator.errors import ConfigError

Kind = Literal["cerebrum", "ollama", "llama-server", "rpc"]

PORTS: Mapping[int, Kind] = {
    9000: "cerebrum",
    11434: "ollama",
    8080: "llama-server",
    50052: "rpc",
}
AT_ONCE = 64  # connections: as many as a small router's table bears beside its other work
CONNECT_S = 0.5  # an address where nobody is does not answer at all
ANSWER_S = 2.0
MOST_ADDRESSES = 4096  # a /20, in some minutes; more is a mistake in the mask


@dataclass(frozen=True)
class Found:
    """Something that answers as one of ours does, and what it says of itself."""

    host: str
    port: int
    kind: Kind
    says: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}:{self.port}"


def addresses(network: str) -> list[str]:
    """Return all addresses of a network. Raises ConfigError for none, a public or a huge one."""
    try:
        named = ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise ConfigError(f"{network} is no network: try 192.168.1.0/24") from None
    if not named.is_private:
        raise ConfigError(f"{network} is not private: other people's machines are not scanned")
    if named.num_addresses > MOST_ADDRESSES:
        raise ConfigError(
            f"{network} has {named.num_addresses} addresses, more than {MOST_ADDRESSES}"
        )
    return [str(address) for address in named.hosts()]


async def scan(
    hosts: Sequence[str],
    ports: Mapping[int, Kind] = PORTS,
    on_found: Callable[[Found], None] = lambda _: None,
) -> list[Found]:
    """Look at each port of each host, `AT_ONCE` at a time; return what answers, in their order."""
    places = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, timeout=ANSWER_S, trust_env=False) as http:

        async def look(host: str, port: int, kind: Kind) -> Found | None:
            async with places:
                if not await _listens(host, port):
                    return None
                says = await _ask(http, f"http://{host}:{port}", kind)
            if says is None:
                return None
            found = Found(host, port, kind, says)
            on_found(found)
            return found

        looks = (look(host, port, kind) for host in hosts for port, kind in ports.items())
        return [found for found in await asyncio.gather(*looks) if found is not None]


def as_configuration(found: Sequence[Found]) -> str:
    """Return the lines for a configuration file; RPC backends are no nodes, and left out."""
    tables = [
        f'[[nodes]]\nurl = "{each.url}"\nkind = "{each.kind}"\n'
        for each in found
        if each.kind != "rpc"
    ]
    return "\n".join(tables)


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _ask(http: httpx.AsyncClient, url: str, kind: Kind) -> str | None:
    """Return what it says of itself, None if it is something else."""
    if kind == "rpc":
        return "listens"  # its protocol has no greeting that would be safe to send
    try:
        match kind:
            case "cerebrum":
                told = (await http.get(f"{url}/health")).json()
                model = told["model"] or "no model"
                return f"{model}, {'accepting' if told['accepting'] else told.get('reason')}"
            case "ollama":
                told = (await http.get(f"{url}/api/tags")).json()
                return _listed([each["name"] for each in told["models"]])
            case "llama-server":
                told = (await http.get(f"{url}/v1/models")).json()
                return _listed([each["id"] for each in told["data"]])
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return None


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (", ".join(names[:3]) or "no model") + rest
