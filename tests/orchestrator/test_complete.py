"""The happy path: what a caller gets for what a node says."""

from typing import Any

from tests.fakes.behaviours import MODEL, ok
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import ASK, service


async def test_json_answer_has_the_text_and_where_it_came_from() -> None:
    async with FakeNode(key="secret") as node, service(node) as pool:
        response = await pool.ask()
        answer = response.json()
        assert response.status_code == 200
        assert answer["text"] == "hello world"
        assert (answer["finish_reason"], answer["model"], answer["node"]) == ("stop", MODEL, "a")
        assert answer["usage"] == {"prompt_tokens": 3, "cached_tokens": 0, "completion_tokens": 3}
        assert answer["node_timings"]["prefill_ms"] == 20.0
        assert answer["context"]["chars_in"] == answer["context"]["chars_out"] == 12
        timings = answer["timings"]
        assert 0 < timings["first_token_ms"] <= timings["total_ms"]


async def test_stream_is_route_then_tokens_then_one_done() -> None:
    async with FakeNode() as node, service(node) as pool:
        events = await pool.ask_stream()
        names = [name for name, _ in events]
        assert names == ["route", "progress", "message", "message", "message", "message"]
        route = events[0][1]
        assert (route["node"], route["model"]) == ("a", MODEL)
        assert route["request_id"]
        assert route["reason"]
        tokens = [data for _, data in events[2:5]]
        assert tokens == [
            {"token": "hello", "total_tokens": 1},
            {"token": " ", "total_tokens": 2},
            {"token": "world", "total_tokens": 3},
        ]
        done = events[-1][1]
        assert done["done"] is True
        assert done["finish_reason"] == "stop"
        assert "text" not in done
        assert [data.get("done") for _, data in events].count(True) == 1


async def test_both_stream_addresses_stream() -> None:
    async with FakeNode() as node, service(node) as pool:
        response = await pool.http.post("/v1/complete/stream", json=ASK)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.text.startswith("event: route\n")
        assert response.text.count('"done":true') == 1


async def test_length_is_passed_on() -> None:
    async with FakeNode() as node, service(node) as pool:
        answer = (await pool.ask(max_tokens=2)).json()
        assert (answer["text"], answer["finish_reason"]) == ("hello ", "length")


async def test_no_character_breaks_a_token() -> None:
    async with FakeNode() as node, service(node) as pool:
        for piece in ("é", "\u2028", "\x85", "\r\n", "\U0001d4b3", "data: x\n\n", '"\\'):
            node.behaviour = ok(["a", piece, "b"])
            assert (await pool.ask()).json()["text"] == f"a{piece}b"
            tokens = [data["token"] for _, data in await pool.ask_stream() if "token" in data]
            assert tokens == ["a", piece, "b"]


ASKED: list[tuple[dict[str, object], dict[str, Any]]] = [
    ({"prompt": "x"}, {"prompt": "x", "max_tokens": 128, "temperature": 0.0, "stream": True}),
    ({"prompt": "x", "temperature": 0, "model": "m"}, {"temperature": 0.0, "model": "m"}),
    ({"prompt": "x", "stop": ["\n"]}, {"stop": ["\n"]}),
    (
        {
            "infill": {"prefix": "a", "suffix": "b", "path": "p.py"},
            "snippets": [{"path": "q.py", "text": "t"}],
        },
        {
            "infill": {
                "prefix": "a",
                "suffix": "b",
                "path": "p.py",
                "snippets": [{"path": "q.py", "text": "t"}],
            }
        },
    ),
    (
        {"instruct": {"instruction": "Add types", "code": "x = 1"}, "language": "python"},
        {
            "prompt": "# INSTRUCTION: Add types\n\nHere is the code:\n```python\nx = 1\n```\n\n"
            "Refactored code:\n```python\n",
            "stop": ["\n```"],
        },
    ),
]


async def test_node_is_asked_what_was_asked() -> None:
    async with FakeNode() as node, service(node) as pool:
        for asked, expected in ASKED:
            response = await pool.http.post("/v1/complete", json=asked)
            assert response.status_code == 200
            got = (await node.next_request()).model_dump(exclude_none=True)
            assert {name: got[name] for name in expected} == expected


async def test_a_document_keeps_its_cache_key_and_does_not_show_who_asks() -> None:
    async with FakeNode() as node, service(node) as pool:
        for client, document in (("c", "d"), ("c", "d"), ("c", "e"), ("f", "d")):
            await pool.ask(client_id=client, document_id=document)
        await pool.ask()
        keys = [asked.cache_key for asked in node.requests]
        assert keys[0] == keys[1]
        assert len(set(keys)) == 4
        assert keys[-1] is None


async def test_stats_count_what_ended_well() -> None:
    async with FakeNode() as node, service(node) as pool:
        before = await pool.stats()
        await pool.ask()
        await pool.ask_stream()
        after = await pool.stats()
        assert after == {**before, "completed_total": 2, "nodes": after["nodes"]}
        assert after["active_requests"] == after["nodes"][0]["in_flight"] == 0


async def test_health_is_open_and_the_rest_is_not() -> None:
    async with FakeNode() as node, service(node, key="k") as pool:
        assert (await pool.http.get("/health", headers={"X-API-Key": ""})).json()["status"] == "ok"
        for path in ("/v1/stats", "/v1/nodes", "/v1/events"):
            refused = await pool.http.get(path, headers={"X-API-Key": "wrong"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
        assert (await pool.http.get("/v1/nodes")).json()[0]["name"] == "a"


async def test_api_is_described() -> None:
    async with FakeNode() as node, service(node) as pool:
        described = (await pool.http.get("/openapi.json")).json()
        assert "CompleteRequest" in described["components"]["schemas"]
        answers = described["paths"]["/v1/complete"]["post"]["responses"]
        assert "text/event-stream" in answers["200"]["content"]
        assert "503" in answers
        assert "422" not in answers
        assert (await pool.http.get("/docs")).status_code == 404
