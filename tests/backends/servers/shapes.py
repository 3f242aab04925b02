"""What each server answers to each question, in the shapes of its documentation, with figures of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.upstream import Play, Request, respond

__all__ = ["LLAMA", "LM_STUDIO_V0", "LM_STUDIO_V1", "LOADING", "OLLAMA", "ROUTER", "STRANGE", "VLLM", "serves"]

LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}

LLAMA: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "models": [{"name": "coder", "model": "coder", "capabilities": ["completion", "multimodal"]}],
        "data": [
            {
                "id": "coder",
                "object": "model",
                "created": 1764000000,
                "owned_by": "llamacpp",
                "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                "meta": {"vocab_type": 2, "n_vocab": 151936, "n_ctx": 24576, "n_ctx_train": 262144, "n_embd": 2048},
            }
        ],
    },
    "/health": {"status": "ok"},
    "/props": {
        "default_generation_settings": {"id": 0, "n_ctx": 24576, "params": {"temperature": 0.8}},
        "total_slots": 4,
        "model_alias": "coder",
        "model_path": "/models/coder.gguf",
        "chat_template": "…",
        "modalities": {"vision": True, "audio": False},
        "build_info": "b9000-0000000",
        "is_sleeping": False,
    },
    "/slots": [{"id": n, "n_ctx": 24576, "speculative": False, "is_processing": n == 0} for n in range(4)],
}

ROUTER: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "org/seer-GGUF:Q4_K_M",
                "object": "model",
                "owned_by": "llamacpp",
                "status": {"value": "loaded", "args": ["llama-server", "-c", "16384"]},
                "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
                "meta": {"n_ctx": 16384, "n_ctx_train": 131072},
            },
            {
                "id": "org/coder-GGUF:Q8_0",
                "object": "model",
                "owned_by": "llamacpp",
                "status": {"value": "unloaded"},
                "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            },
        ],
    },
    "/health": {"status": "ok"},
    "/props": {"role": "router", "default_generation_settings": {"params": {}, "n_ctx": 0}, "total_slots": 0},
}

OLLAMA: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "qwen3:8b", "object": "model", "created": 1764000000, "owned_by": "library"},
            {"id": "llava:latest", "object": "model", "created": 1764000000, "owned_by": "library"},
            {"id": "embeddinggemma:latest", "object": "model", "created": 1764000000, "owned_by": "library"},
        ],
    },
    "/api/version": {"version": "0.40.12"},
    "/api/ps": {
        "models": [
            {
                "name": "qwen3:8b",
                "model": "qwen3:8b",
                "size": 6591830464,
                "size_vram": 5333539264,
                "expires_at": "2026-11-17T16:47:07.93355-07:00",
                "details": {"family": "qwen3", "parameter_size": "8.2B"},
                "context_length": 4096,
            }
        ]
    },
    "/api/show": {
        "qwen3:8b": {
            "parameters": 'stop                           "<|im_end|>"\ntemperature                    0.6',
            "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960, "qwen3.block_count": 36},
            "capabilities": ["completion", "tools", "thinking"],
        },
        "llava": {
            "parameters": 'num_ctx                        8192\nstop                           "USER:"',
            "model_info": {"general.architecture": "llama", "llama.context_length": 32768},
            "capabilities": ["completion", "vision"],
        },
        "embeddinggemma": {
            "model_info": {"general.architecture": "gemma3", "gemma3.context_length": 2048},
            "capabilities": ["embedding"],
        },
    },
}

LM_STUDIO_V1: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "owned_by": "organization_owner"}
            for name in ("gemma-3-4b", "gemma-3-4b:2", "qwen-large", "nomic-embed")
        ],
    },
    "/api/v1/models": {
        "models": [
            {
                "type": "llm",
                "key": "gemma-3-4b",
                "loaded_instances": [
                    {"id": "gemma-3-4b", "config": {"context_length": 8192, "parallel": 3, "flash_attention": True}},
                    {"id": "gemma-3-4b:2", "config": {"context_length": 2048, "parallel": 1}},
                ],
                "max_context_length": 131072,
                "capabilities": {"vision": True, "trained_for_tool_use": False},
            },
            {
                "type": "llm",
                "key": "qwen-large",
                "loaded_instances": [],
                "max_context_length": 262144,
                "capabilities": {"vision": False, "trained_for_tool_use": True},
            },
            {"type": "embedding", "key": "nomic-embed", "loaded_instances": [], "max_context_length": 2048},
        ]
    },
}

LM_STUDIO_V0: dict[str, Any] = {
    "/v1/models": LM_STUDIO_V1["/v1/models"],
    "/api/v0/models": {
        "object": "list",
        "data": [
            {
                "id": "gemma-3-4b",
                "object": "model",
                "type": "vlm",
                "state": "loaded",
                "max_context_length": 131072,
                "loaded_context_length": 12918,
            },
            {"id": "qwen-large", "object": "model", "type": "llm", "state": "not-loaded", "max_context_length": 262144},
            {
                "id": "nomic-embed",
                "object": "model",
                "type": "embeddings",
                "state": "not-loaded",
                "max_context_length": 2048,
            },
        ],
    },
}

VLLM: dict[str, Any] = {
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "Qwen/Qwen3-8B",
                "object": "model",
                "owned_by": "vllm",
                "root": "Qwen/Qwen3-8B",
                "parent": None,
                "max_model_len": 32768,
            },
            {"id": "my-adapter", "object": "model", "owned_by": "vllm", "root": "/lora", "parent": "Qwen/Qwen3-8B"},
        ],
    },
    "/health": None,
}

STRANGE: dict[str, Any] = {
    "/v1/models": {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "me", "permissions": []}]}
}
"""As `llama_cpp.server` answers."""


def serves(pages: Mapping[str, Any]) -> Play:
    """A server with these pages; LM Studio answers unknown ones with 200 and an error, the others with 404."""
    kind = "/api/v1/models" in pages or "/api/v0/models" in pages

    async def play(request: Request, writer: asyncio.StreamWriter) -> None:
        page = pages.get(request.target, ...)
        if request.target == "/api/show" and isinstance(page, dict):
            page = page.get(request.json["model"], page.get(request.json["model"].removesuffix(":latest"), ...))
        if isinstance(page, tuple):
            respond(writer, *page)
        elif isinstance(page, int):
            respond(writer, page, LOADING if page == 503 else {})
        elif page is not ...:
            respond(writer, 200, page)
        elif kind:
            respond(writer, 200, {"error": f"Unexpected endpoint or method. ({request.method} {request.target})"})
        else:
            respond(writer, 404, {"error": {"message": "not found"}})

    return play
