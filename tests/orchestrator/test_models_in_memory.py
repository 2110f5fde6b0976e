"""What nodes say of their models: which they hold, which they can't, and what the pool tells on."""

import pytest

from node_backend.wire import ModelInfo
from orchestrator.core.prediction import NodeSpeeds, Work, predict
from orchestrator.core.routing import NoRoute, Route, RouteQuery, route
from orchestrator.core.snapshot import NodeSnapshot
from tests.fakes.behaviours import MODEL
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import eventually, service

OTHER = "other-model"


def listed(name: str, **said: object) -> ModelInfo:
    return ModelInfo.model_validate({"name": name, "size_bytes": 1, **said})


@pytest.mark.parametrize(
    ("own", "loaded", "is_cold", "asked", "loads"),
    [
        ("a", "", False, None, False),
        ("a", "", False, "a", False),
        ("a", "", False, "b", True),
        ("a", "", True, None, True),
        ("a", "a b", False, "b", False),
        ("a", "a b", False, "c", True),
        ("a", "a", True, None, False),
        ("a", "b", True, None, True),
        (None, "", False, "b", False),
    ],
)
def test_only_what_is_not_in_memory_is_loaded(
    own: str | None, loaded: str, *, is_cold: bool, asked: str | None, loads: bool
) -> None:
    node = NodeSpeeds(own, loaded=frozenset(loaded.split()), is_cold=is_cold)
    assert (predict(Work(100, 10), node, asked).load_s > 0) == loads


@pytest.mark.parametrize(
    ("models", "node"),
    [
        (("big",), "b"),
        (("big", "small"), "b"),
        (("small",), "a"),
        ((), "b"),
    ],
)
def test_node_without_memory_for_a_model_is_no_candidate(
    models: tuple[str, ...], node: str
) -> None:
    nodes = [
        NodeSnapshot("a", "ready", models=("big", "small"), unfit=frozenset({"big"}),
                     speeds=NodeSpeeds("big")),
        NodeSnapshot("b", "ready", in_flight=5, models=("big",), speeds=NodeSpeeds("big")),
    ]  # fmt: skip
    match route(RouteQuery(models=models), nodes, "fast", 0.0):
        case Route(name):
            assert name == node
        case other:
            pytest.fail(str(other))


def test_model_that_no_node_has_memory_for_says_so() -> None:
    nodes = [
        NodeSnapshot("a", "ready", models=("big",), unfit=frozenset({"big"})),
        NodeSnapshot("b", "ready", models=("small",)),
    ]
    decision = route(RouteQuery(models=("big",), must_list=True), nodes, "fast", 0.0)
    assert isinstance(decision, NoRoute)
    assert decision.reason == "no-model"
    assert decision.message == "a is too small for big; b is without big"


async def test_caller_is_told_that_a_model_fits_nowhere() -> None:
    async with FakeNode() as node:
        node.models = [listed(MODEL, fits=True), listed(OTHER, fits=False)]
        async with service(node) as pool:
            assert (await pool.ask(model=MODEL)).status_code == 200
            answer = await pool.ask(model=OTHER)
            assert answer.status_code == 503
            error = answer.json()["error"]
            assert error["details"] == {"reason": "no-model"}
            assert error["message"] == f"a is too small for {OTHER}"


async def test_request_goes_where_its_model_is_in_memory_already() -> None:
    async with FakeNode() as one, FakeNode() as other:
        for each in (one, other):
            each.models = [listed(MODEL), listed(OTHER)]
        other.health = FakeNode.health_of().model_copy(update={"loaded": [MODEL, OTHER]})
        async with service(one, other) as pool:
            assert (await pool.ask(model=OTHER)).json()["node"] == "b"


async def test_models_are_listed_anew_when_others_are_in_memory() -> None:
    """An engine says of its model only when it is ready whether it fills in the middle."""
    async with FakeNode() as node:
        node.models = [listed(MODEL)]
        node.health = FakeNode.health_of(loading=True)
        async with service(node, probe_interval_s=0.05) as pool:
            await eventually(pool, lambda nodes: nodes[0]["state"] == "loading")
            node.models = [listed(MODEL, fim=True)]
            node.health = FakeNode.health_of().model_copy(update={"loaded": [MODEL]})
            (status,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")
            assert status["fim"] is True


async def test_state_tells_what_is_known_of_each_model() -> None:
    async with FakeNode() as node:
        node.models = [
            listed(MODEL, fim=True, chat=False, context_tokens=4096, fits=True),
            listed(OTHER, fim=False, chat=True),
            listed("hosted", source="hosted", loaded=True),
        ]
        node.health = FakeNode.health_of().model_copy(update={"loaded": [MODEL]})
        async with service(node) as pool:
            (status,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")
    assert (status["fim"], status["chat"], status["context_tokens"]) == (True, False, 4096)
    assert status["models"] == [MODEL, OTHER, "hosted"]
    assert status["known_models"] == [
        {
            "name": MODEL,
            "loaded": True,
            "fits": True,
            "fim": True,
            "chat": False,
            "context_tokens": 4096,
        },
        {"name": OTHER, "loaded": False, "fim": False, "chat": True},
        {"name": "hosted", "loaded": True},
    ]
