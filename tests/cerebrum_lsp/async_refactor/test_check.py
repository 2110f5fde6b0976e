"""Which proposals count as the original made async."""

import pytest

from cerebrum_lsp.core.async_refactor import Agrees, Differs, check

ORIGINAL = """\
import time
import requests

LIMIT = 3


def load(url, tries=LIMIT):
    for _ in range(tries):
        answer = requests.get(url)
        time.sleep(1)
    return answer.json()
"""

GOOD = """\
import asyncio
import httpx

LIMIT = 3


async def load(url, tries=LIMIT):
    async with httpx.AsyncClient(follow_redirects=True) as http:
        for _ in range(tries):
            answer = await http.get(url)
            await asyncio.sleep(1)
    return answer.json()
"""

FIRST_LINE = "`for _ in range(tries):` became `with httpx.AsyncClient("


def reason(original: str, proposal: str) -> str:
    answer = check(original, proposal)
    assert isinstance(answer, Differs)
    return answer.reason


def test_async_syntax_and_known_replacements_agree() -> None:
    assert check(ORIGINAL, GOOD) == Agrees()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f():\n    time.sleep(1)\n", "async def f():\n    await asyncio.sleep(1)\n"),
        (
            "def f(a):\n    return [b for b in a]\n",
            "async def f(a):\n    return [b async for b in a]\n",
        ),
        ("def f(a):\n    for b in a: b()\n", "async def f(a):\n    async for b in a: await b()\n"),
        ("def f(a):\n    with a: a()\n", "async def f(a):\n    async with a: await a()\n"),
        ("    def f(a):\n        return a()\n", "    async def f(a):\n        return await a()\n"),
        ("def f(a):\n    return next(a)\n", "async def f(a):\n    return await anext(a)\n"),
        (
            "def f(a):\n    return subprocess.run(a, check=True)\n",
            "async def f(a):\n    return await asyncio.to_thread(subprocess.run, a, check=True)\n",
        ),
        (
            "from time import sleep\ndef f():\n    sleep(1)\n",
            "from asyncio import sleep\nasync def f():\n    await sleep(1)\n",
        ),
        (
            "def f():\n    jobs = queue.Queue()\n    jobs.put(1)\n",
            "async def f():\n    jobs = asyncio.Queue()\n    await jobs.put(1)\n",
        ),
        (
            "class A:\n    def __enter__(self): return self\n",
            "class A:\n    async def __aenter__(self): return self\n",
        ),
        (
            "def f() -> Generator[int, None, None]:\n    yield 1\n",
            "async def f() -> AsyncGenerator[int, None]:\n    yield 1\n",
        ),
        (
            "def f():\n    return 1\nf()\n",
            "import asyncio\nasync def f():\n    return 1\nasyncio.run(f())\n",
        ),
    ],
)
def test_equivalent_pairs_agree(before: str, after: str) -> None:
    assert check(before, after) == Agrees()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "range(tries)",
            "range(tries + 1)",
            "`for _ in range(tries):` became `for _ in range(tries + 1):`",
        ),
        ("sleep(1)", "sleep(2)", "`asyncio.sleep(1)` became"),
        ("LIMIT = 3\n", "LIMIT = 3\nMORE = 4\n", "`MORE` is new"),
        ("async def load", "async def fetch", "`load` isn't defined any more"),
        ("    return answer.json()\n", "", "`return answer.json()` became nothing"),
        ("async def", "def", "it doesn't parse, or awaits outside async code"),
        ("return answer", "return return", "it doesn't parse, or awaits outside async code"),
        ("return answer.json()", "return await answer.json", "`return answer.json()` became"),
        ("follow_redirects=True", "follow_redirects=True, proxy=url", FIRST_LINE),
        ("follow_redirects=True", "follow_redirects=False", FIRST_LINE),
        ("import httpx\n", "import httpx\nimport pickle\n", "`pickle` is imported"),
        ("    for _ in", "    import os\n    for _ in", "`os` is imported"),
        ("url, tries", "url, *, tries", "`def load(url, tries=LIMIT):` became"),
    ],
)
def test_a_proposal_that_changes_more_differs(old: str, new: str, expected: str) -> None:
    found = reason(ORIGINAL, GOOD.replace(old, new))
    assert found.startswith(expected)


def test_an_unchanged_text_makes_nothing_async() -> None:
    assert reason(ORIGINAL, ORIGINAL) == "it makes nothing async"


def test_an_import_that_is_still_used_must_stay() -> None:
    before = "import json\ndef f(a):\n    return json.loads(a())\n"
    after = "async def f(a):\n    return json.loads(await a())\n"
    assert reason(before, after) == "the import of `json` is gone"


def test_code_that_is_nested_too_deeply_differs() -> None:
    deep = f"return {'1 + ' * 4000}1"
    assert reason(f"def f():\n {deep}\n", f"async def f():\n {deep}\n").endswith(
        ("doesn't parse", "it is nested too deeply to be compared")
    )


def test_an_original_that_does_not_parse_differs() -> None:
    assert reason("def f(:", "async def f(): pass") == "the original doesn't parse"
