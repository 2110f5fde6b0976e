"""Throw random and mutated JSON-RPC at the daemon's standard input.

    python -m benchmarks.stdio_fuzz [--messages 50000] [--seed 0]

Every request with an identifier that can be answered must get exactly one answer; the daemon must
not hang, end, or say anything of what it was sent in its log; and when its input is closed it must
be gone within a second. Exit status 1 when one of these is not so.
"""

import argparse
import asyncio
import copy
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.instant_pool import InstantPool

BATCH = 250
PATIENCE_S = 60.0  # for all answers of a batch; a daemon that needs longer hangs
GONE_WITHIN_S = 1.0
GROWTH_LIMIT_MIB = 40.0
MARK = "pr1v4te"  # in every text that is sent; in nothing that is logged
URIS = ("file:///work/a.py", "file:///work/b.md", "file:///work/%C3%A9.rs", "untitled:1")
ENDING = {"shutdown", "exit"}

Json = Any


@dataclass
class Report:
    """What the fuzzing found."""

    messages: int = 0
    requests: int = 0
    unanswered: int = 0
    answered_twice: int = 0
    seconds: float = 0.0
    growth_mib: float = 0.0
    gone_after_s: float = 0.0
    ended_early: bool = False
    leaks: list[str] = field(default_factory=list)
    left_processes: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing went wrong."""
        wrong = self.unanswered + self.answered_twice + len(self.leaks) + self.left_processes
        is_in_time = self.gone_after_s <= GONE_WITHIN_S
        return not (wrong or self.ended_early) and is_in_time and self.growth_mib < GROWTH_LIMIT_MIB


class Messages:
    """An endless source of messages: whole ones, and ones to which something was done."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._version = 0

    def next(self, number: int) -> bytes:
        """Return the body of one message; a request's identifier is made of `number`."""
        message = self._whole(number)
        for change, share in (
            (self._mutate, 0.5),
            (self._rename, 0.1),
            (self._break, 0.15),
        ):
            if self._random.random() < share:
                message = change(message)
        return message if isinstance(message, bytes) else json.dumps(message).encode()

    def junk_header(self) -> bytes:
        """Return lines that are no headers, or headers that nobody needs."""
        return self._random.choice(
            [
                b"",
                b"",
                b"",
                b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n",
                b"X-Junk: 1\r\n",
                b"no header at all\r\n",
                bytes(self._random.randrange(32, 127) for _ in range(30)) + b"\r\n",
            ]
        )

    def _whole(self, number: int) -> Json:
        kind = self._random.choice(
            [
                *([self._change] * 3 + [self._complete] * 2),
                *(self._open, self._close, self._command, self._cancel),
                *(self._configure, self._anything),
            ]
        )
        return {"jsonrpc": "2.0", **kind(number)}

    def _uri(self) -> str:
        return self._random.choice(URIS)

    def _text(self) -> str:
        parts = [f"x = {MARK}", "\n", "\r\n", "\r", "\f", "é", "😋", "\ud83d", "(", ")", "\t", "'"]
        chosen = self._random.choices(parts, k=self._random.randrange(1, 40))
        if self._random.random() < 0.01:
            chosen.append("y" * 100_000)
        return "".join(chosen)

    def _position(self) -> Json:
        return {"line": self._random.randrange(60), "character": self._random.randrange(90)}

    def _open(self, _: int) -> Json:
        document = {"uri": self._uri(), "languageId": "python", "version": 1, "text": self._text()}
        return {"method": "textDocument/didOpen", "params": {"textDocument": document}}

    def _close(self, _: int) -> Json:
        document = {"uri": self._uri()}
        return {"method": "textDocument/didClose", "params": {"textDocument": document}}

    def _change(self, _: int) -> Json:
        self._version += 1
        change: Json = {"text": self._text()}
        if self._random.random() < 0.8:
            change["range"] = {"start": self._position(), "end": self._position()}
        document = {"uri": self._uri(), "version": self._version}
        parameters = {"textDocument": document, "contentChanges": [change]}
        return {"method": "textDocument/didChange", "params": parameters}

    def _complete(self, number: int) -> Json:
        parameters = {
            "textDocument": {"uri": self._uri()},
            "position": self._position(),
            "context": {"triggerKind": self._random.choice([1, 2])},
        }
        return {
            "id": number,
            "method": "textDocument/inlineCompletion",
            "params": parameters,
        }

    def _command(self, number: int) -> Json:
        commands = ["documentHash", "whyNoCompletion", "selectModel", "accepted", "setEnabled"]
        arguments: list[Json] = self._random.choice(
            [[], [self._uri()], [None], [True, "go"], [7], [{"uri": self._uri(), "kind": "word"}]]
        )
        name = f"cerebrum.{self._random.choice(commands)}"
        parameters = {"command": name, "arguments": arguments}
        return {"id": f"c{number}", "method": "workspace/executeCommand", "params": parameters}

    def _cancel(self, number: int) -> Json:
        newest = number - self._random.randrange(5)
        return {"method": "$/cancelRequest", "params": {"id": newest}}

    def _configure(self, _: int) -> Json:
        settings = {"maxTokens": self._any(1), "languages": self._any(2)}
        parameters = {"settings": {"cerebrum": settings}}
        return {"method": "workspace/didChangeConfiguration", "params": parameters}

    def _anything(self, number: int) -> Json:
        return {"id": number, "method": self._any(0), "params": self._any(3)}

    def _any(self, depth: int) -> Json:
        simple: list[Callable[[], Json]] = [
            lambda: None,
            lambda: self._random.choice([True, False]),
            lambda: self._random.choice([0, -1, 1, 2**31, -(2**63), 10**30]),
            lambda: self._random.choice([0.5, -1e308, float("inf"), float("nan")]),
            lambda: self._random.choice(["", MARK, "\ud800", "initialize", "x" * 2000]),
        ]
        if depth and self._random.random() < 0.5:
            inner = [self._any(depth - 1) for _ in range(self._random.randrange(4))]
            return (
                inner if self._random.random() < 0.5 else {str(i): v for i, v in enumerate(inner)}
            )
        return self._random.choice(simple)()

    def _mutate(self, message: Json) -> Json:
        """Put anything in the place of some value, or leave it out."""
        mutated = copy.deepcopy(message)
        places = [place for place in _places(mutated) if place[1] not in {"id"}]
        for container, key in self._random.sample(places, min(len(places), 2)):
            if self._random.random() < 0.3 and isinstance(container, dict):
                container.pop(key, None)
            elif isinstance(container, dict) or key < len(container):
                container[key] = self._any(3)
        return mutated

    def _rename(self, message: Json) -> Json:
        methods = [
            "textDocument/completion",
            "textDocument/codeAction",
            "codeAction/resolve",
            "textDocument/diagnostic",
            "workspace/didChangeWorkspaceFolders",
            "workspace/didChangeWatchedFiles",
            "window/workDoneProgress/cancel",
            "$/setTrace",
            "initialize",
            "initialized",
            "notebookDocument/didOpen",
            "no/such",
        ]
        return {**message, "method": self._random.choice(methods)}

    def _break(self, message: Json) -> bytes:
        """Damage the bytes."""
        body = bytearray(json.dumps(message).encode())
        for _ in range(self._random.randrange(1, 4)):
            at = self._random.randrange(len(body))
            match self._random.randrange(4):
                case 0:
                    body[at] = self._random.randrange(256)
                case 1:
                    del body[at : at + self._random.randrange(1, 20)]
                case 2:
                    body[at:at] = bytes(self._random.randrange(256) for _ in range(5))
                case _:
                    body[at:at] = b"\r\n\r\nContent-Length: 3\r\n\r\n"
            body = body or bytearray(b"?")
        if self._random.random() < 0.02:
            return b"[" * 50_000
        return bytes(body)


def _places(node: Json) -> Iterator[tuple[Json, Json]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def id_to_answer(body: bytes) -> str | int | None:
    """Return the identifier that must be answered, None for what is no request."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return None
    number = message.get("id")
    return number if isinstance(number, str | int) and not isinstance(number, bool) else None


def ends_the_session(body: bytes) -> bool:
    """Whether a message would end the session, as is its right."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and str(message.get("method")) in ENDING


class Victim:
    """A daemon that is spoken to in bytes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.answers: Counter[str | int] = Counter()
        self.news = asyncio.Event()
        self._reading = [asyncio.create_task(self._read()), asyncio.create_task(self._drain())]
        self.said = b""

    def send(self, body: bytes, before: bytes = b"") -> None:
        """Send one message."""
        assert self.process.stdin is not None
        self.process.stdin.write(before + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def flush(self) -> None:
        """Wait until the daemon has taken most of it."""
        assert self.process.stdin is not None
        await self.process.stdin.drain()

    async def until_answered(self, numbers: set[str | int]) -> bool:
        """Wait for an answer to each; return whether they all came."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while any(number not in self.answers for number in numbers):
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            return False
        return True

    async def let_go(self) -> float:
        """Close its input; return after how many seconds it was gone."""
        assert self.process.stdin is not None
        begun = time.perf_counter()
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
        gone_after_s = time.perf_counter() - begun
        await asyncio.gather(*self._reading, return_exceptions=True)
        return gone_after_s

    async def _read(self) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        length = 0
        while line := await stdout.readline():
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                self._take(json.loads(await stdout.readexactly(length)))

    def _take(self, message: Json) -> None:
        if "method" in message:
            if "id" in message:
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": None}
                self.send(json.dumps(answer).encode())
            return
        if message["id"] is not None:
            self.answers[message["id"]] += 1
            self.news.set()

    async def _drain(self) -> None:
        assert self.process.stderr is not None
        self.said = await self.process.stderr.read()


async def fuzz(messages: int, seed: int) -> Report:
    """Send so many messages to a daemon of its own; return what happened."""
    report = Report(messages=messages)
    with tempfile.TemporaryDirectory() as folder:
        async with InstantPool() as pool:
            victim = await start(folder, pool.url)
            begun = time.perf_counter()
            await _throw(victim, messages, seed, report)
            report.seconds = time.perf_counter() - begun
            report.ended_early = victim.process.returncode is not None
            children = _family(victim.process.pid)
            report.gone_after_s = await victim.let_go()
            _, alive = psutil.wait_procs(children, timeout=5)
            report.left_processes = len(alive)
        report.answered_twice = sum(1 for count in victim.answers.values() if count > 1)
        report.leaks = _leaks(victim.said, Path(folder))
    return report


async def start(folder: str, url: str) -> Victim:
    """Start a daemon that uses the pool at `url`, and hold the handshake."""
    environment = {"CEREBRUM_ORCHESTRATOR_URL": url, "XDG_STATE_HOME": folder}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cerebrum_lsp", "--stdio"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        limit=1 << 24,
    )
    victim = Victim(process)
    options = {"automaticDeadlineMs": 500, "manualDeadlineMs": 500, "growingCompletions": True}
    parameters: Json = {"processId": None, "rootUri": None, "capabilities": {}}
    parameters["initializationOptions"] = options
    hello = {"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": parameters}
    victim.send(json.dumps(hello).encode())
    await victim.until_answered({"hello"})
    victim.send(json.dumps({"jsonrpc": "2.0", "method": "initialized", "params": {}}).encode())
    return victim


async def _throw(victim: Victim, messages: int, seed: int, report: Report) -> None:
    source = Messages(seed)
    settled_at, resident = messages // 5, 0.0
    expected: set[str | int] = set()
    for number in range(1, messages + 1):
        body = source.next(number)
        if ends_the_session(body):
            continue
        wanted = id_to_answer(body)
        if wanted is not None:
            expected.add(wanted)
        victim.send(body, source.junk_header())
        if number % BATCH and number != messages:
            continue
        await victim.flush()
        if not await victim.until_answered(expected):
            report.unanswered += sum(1 for each in expected if each not in victim.answers)
            return
        report.requests += len(expected)
        expected = set()
        if not resident and number >= settled_at:
            resident = resident_mib(victim.process.pid)
    report.growth_mib = resident_mib(victim.process.pid) - resident


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    return float(psutil.Process(pid).memory_info().rss) / (1 << 20)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _leaks(said: bytes, folder: Path) -> list[str]:
    """Return what was said or logged of what was sent, and every traceback."""
    texts = [said.decode(errors="replace")]
    texts += [file.read_text(errors="replace") for file in folder.rglob("*.log*")]
    lines = [line for text in texts for line in text.splitlines()]
    return [line[:200] for line in lines if MARK in line or "Traceback" in line][:10]


def main() -> None:
    """Fuzz, print what was found, and say by the exit status whether all is well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = asyncio.run(fuzz(arguments.messages, arguments.seed))
    print(f"{report.messages} messages in {report.seconds:.1f} s, {report.requests} to be answered")
    print(f"unanswered:       {report.unanswered} (limit 0)")
    print(f"answered twice:   {report.answered_twice} (limit 0)")
    print(f"ended early:      {report.ended_early} (limit False)")
    print(f"quoted or traced: {len(report.leaks)} (limit 0)")
    print(f"memory growth:    {report.growth_mib:.1f} MiB (limit {GROWTH_LIMIT_MIB:.0f})")
    print(f"gone after:       {report.gone_after_s:.2f} s (limit {GONE_WITHIN_S:.0f})")
    print(f"left processes:   {report.left_processes} (limit 0)")
    for leak in report.leaks:
        print(f"  {leak}")
    sys.exit(0 if report.is_good else 1)


if __name__ == "__main__":
    main()
