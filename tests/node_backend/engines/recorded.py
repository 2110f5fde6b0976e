"""Exchanges as the protocols' documentation shows them, and where each of them stands there.

Ollama: `docs/api.md` of the ollama project, by its headings; error lines and status codes:
`server/routes.go`, `handleScheduleError` and `streamResponse`; capabilities: `types/model`.
OpenAI: the API reference, "Create completion" and "Create chat completion", streaming examples.
vLLM: `create_completion` (a suffix is refused), `/v1/models` with `max_model_len`.
llama.cpp: `tools/server/README.md`, `timings` in chunks, "Loading model", context errors.
Where a streamed example shows only its first and its last object, those between are made like the
first one.
"""

from typing import Any

from tests.node_backend.engines.replay import Reply, events, lines, whole

# --- Ollama -------------------------------------------------------------------------------------

AT = "2023-08-04T08:52:19.385406455-07:00"

# "Generate request (Streaming)"
OLLAMA_FIRST = {"model": "codellama:13b", "created_at": AT, "response": "The", "done": False}
OLLAMA_LAST = {
    "model": "codellama:13b",
    "created_at": "2023-08-04T19:22:45.499127Z",
    "response": "",
    "done": True,
    "context": [1, 2, 3],
    "total_duration": 10706818083,
    "load_duration": 6338219291,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 130079000,
    "eval_count": 259,
    "eval_duration": 4232710000,
}
OLLAMA_STREAM = (OLLAMA_FIRST, {**OLLAMA_FIRST, "response": " sky"}, OLLAMA_LAST)

# "Chat Request (Streaming)"
OLLAMA_CHAT_FIRST = {
    "model": "codellama:13b",
    "created_at": AT,
    "message": {"role": "assistant", "content": "The", "images": None},
    "done": False,
}
OLLAMA_CHAT_LAST = {
    "model": "codellama:13b",
    "created_at": "2023-08-04T19:22:45.499127Z",
    "done": True,
    "total_duration": 4883583458,
    "load_duration": 1334875,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 342546000,
    "eval_count": 282,
    "eval_duration": 4535599000,
}


def ollama_chat(*pieces: str) -> Reply:
    said = [{**OLLAMA_CHAT_FIRST, "message": {"role": "assistant", "content": p}} for p in pieces]
    return lines(*said, OLLAMA_CHAT_LAST)


# "Load a model", "Unload a model"
OLLAMA_LOADED = whole(
    {
        "model": "codellama:13b",
        "created_at": "2023-12-18T19:52:07.071755Z",
        "response": "",
        "done": True,
    }
)

# "Show Model Information", shortened; with a template of ollama.com/library/codellama
OLLAMA_SHOWN: dict[str, Any] = {
    "template": "{{- if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>\n"
    "{{- else }}{{ .Prompt }}\n{{- end }}",
    "details": {"format": "gguf", "family": "llama", "quantization_level": "Q4_0"},
    "model_info": {
        "general.architecture": "llama",
        "general.parameter_count": 8030261248,
        "llama.context_length": 8192,
    },
    "capabilities": ["completion", "insert"],
}
# the same place, for the model of that example, which is one to chat with
OLLAMA_SHOWN_CHAT: dict[str, Any] = {
    **OLLAMA_SHOWN,
    "template": "{{ if .Prompt }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}"
    "<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>",
    "capabilities": ["completion", "tools"],
}

# "List Local Models", "List Running Models" (whose model is one of the list here)
OLLAMA_TAGS: dict[str, Any] = {
    "models": [
        {
            "name": "codellama:13b",
            "modified_at": "2023-11-04T14:56:49.277302595-07:00",
            "size": 7365960935,
            "digest": "9f438cb9cd581fc025612d27f7c1a6669ff83a8bb0ed86c94fcf4c5440555697",
            "details": {"format": "gguf", "family": "llama", "families": None},
        },
        {
            "name": "llama3:latest",
            "modified_at": "2023-12-07T09:32:18.757212583-08:00",
            "size": 3825819519,
            "digest": "fe938a131f40e6f6d40083c9f0f430a515233eb2edaa6d72eb85c50d64f2300e",
            "details": {"format": "gguf", "family": "llama", "families": None},
        },
    ]
}
OLLAMA_PS: dict[str, Any] = {
    "models": [
        {
            "name": "llama3:latest",
            "model": "llama3:latest",
            "size": 5137025024,
            "digest": "2ae6f6dd7a3dd734790bbbf58b8909a606e0e7e97e94b7604e0aa7ae4490e6d8",
            "expires_at": "2024-06-04T14:38:31.83753-07:00",
            "size_vram": 5137025024,
        }
    ]
}

# server/routes.go
OLLAMA_MISSING = whole({"error": "model 'codellama:13b' not found"}, 404)
OLLAMA_BUSY = whole(
    {"error": "server busy, please try again.  maximum pending requests exceeded"}, 503
)
OLLAMA_NO_MEMORY = whole(
    {"error": "model requires more system memory (9.1 GiB) than is available (1.2 GiB)"}, 500
)
OLLAMA_DIED = {"error": "an error was encountered while running the model: unexpected EOF"}

# --- OpenAI and those that are like it ----------------------------------------------------------

OPENAI_CHUNK: dict[str, Any] = {
    "id": "cmpl-7iA7iJjj8V2zOkCGvWF2hAkWALjZE",
    "object": "text_completion",
    "created": 1690759702,
    "choices": [{"text": "This", "index": 0, "logprobs": None, "finish_reason": None}],
    "model": "gpt-3.5-turbo-instruct",
    "system_fingerprint": "fp_44709d6fcb",
}
OPENAI_USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 3},
}


def chunk(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason}
    return {**OPENAI_CHUNK, "choices": [choice]}


# with `stream_options: {"include_usage": true}`, an additional chunk before [DONE]
OPENAI_USAGE_CHUNK = {**OPENAI_CHUNK, "choices": [], "usage": OPENAI_USAGE}
OPENAI_STREAM = (chunk("This"), chunk(" is"), chunk("", "stop"), OPENAI_USAGE_CHUNK)

OPENAI_CHAT_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-123",
    "object": "chat.completion.chunk",
    "created": 1694268190,
    "model": "gpt-4o-mini",
    "system_fingerprint": "fp_44709d6fcb",
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
    ],
}


def openai_chat(*pieces: str) -> Reply:
    def said(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**OPENAI_CHAT_CHUNK, "choices": [choice]}

    words = [said({"content": piece}) for piece in pieces]
    usage = {**OPENAI_CHAT_CHUNK, "choices": [], "usage": OPENAI_USAGE}
    return events(OPENAI_CHAT_CHUNK, *words, said({}, "stop"), usage)


# "List models", with vLLM's max_model_len
OPENAI_MODELS: dict[str, Any] = {
    "object": "list",
    "data": [
        {"id": "model-id-0", "object": "model", "created": 1686935002, "owned_by": "vllm"},
        {
            "id": "Qwen/Qwen2.5-Coder-7B",
            "object": "model",
            "created": 1686935002,
            "owned_by": "vllm",
            "max_model_len": 2048,
        },
    ],
}


def probed(prompt_tokens: int) -> Reply:
    """Return "Create completion" without streaming, as the answer to a probe."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 1,
        "total_tokens": prompt_tokens + 1,
    }
    return whole({**chunk("\n", "length"), "usage": usage})


HEEDED, IGNORED = probed(68), probed(4)
VLLM_NO_SUFFIX = whole(
    {
        "object": "error",
        "message": "suffix is not currently supported",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    },
    400,
)
OPENAI_NO_COMPLETIONS = whole(
    {
        "error": {
            "message": "This is a chat model and not supported in the v1/completions endpoint.",
            "type": "invalid_request_error",
            "param": "model",
            "code": None,
        }
    },
    404,
)


def openai_error(status: int, code: str | int, kind: str, **headers: str) -> Reply:
    error = {"message": "You said: def secret()", "type": kind, "param": None, "code": code}
    return whole({"error": error}, status, **headers)
