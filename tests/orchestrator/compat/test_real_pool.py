"""The official clients on a real node, a real engine and the bundled model."""

from pathlib import Path

import httpx
import ollama
import openai
import pytest

from tests.e2e.pool import running_pool

pytestmark = pytest.mark.e2e

PREFIX = "def add(a, b):\n    return "


async def test_clients_complete_on_the_bundled_model(tmp_path: Path) -> None:
    async with running_pool(tmp_path) as pool:
        url, key = pool.orchestrator.url, pool.orchestrator.key
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, timeout=60) as client:
            answer = await client.completions.create(
                model="auto", prompt=PREFIX, suffix="\n", max_tokens=8
            )
            whole = answer.choices[0].text
            assert whole
            stream = await client.completions.create(
                model="auto", prompt=PREFIX, suffix="\n", max_tokens=8, stream=True
            )
            assert "".join([chunk.choices[0].text async for chunk in stream]) == whole
            [model] = [each.id async for each in client.models.list()]
            chat = await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "x = "}], max_tokens=4
            )
            assert chat.usage is not None
            assert chat.usage.completion_tokens > 0
        other = ollama.AsyncClient(url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        options = {"num_predict": 8}
        generated = await other.generate(model, PREFIX, suffix="\n", options=options)
        assert generated.response == whole
        await other._client.aclose()
        asked = {"input_prefix": "", "prompt": PREFIX, "input_suffix": "\n", "n_predict": 8}
        async with httpx.AsyncClient(base_url=url, headers=pool.orchestrator.headers) as http:
            filled = (await http.post("/infill", json=asked, timeout=60)).json()
        assert filled["content"] == whole
        assert filled["timings"]["predicted_n"] > 0
        await pool.until_slots(busy=0)
