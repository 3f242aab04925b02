"""Mixed traffic through a real Signalbox: all that a dashboard could ask about has happened after some rounds of it."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from tests.redis_servers import RedisProcess, redis_server, require_redis
from tests.signalbox import Signalbox, free_port, post, signalbox
from tests.upstream import Request, chat_answer, chat_chunks, respond, upstream

__all__ = ["KEYS", "Mixed", "mixed"]

KEYS = "one:sk-one,two:sk-two,prometheus:sk-metrics"
RULES = """
version: 1
baseline: gpt-5.4
guard: false
budgets: {{total: {{month: 1000}}}}
backends:
  paid: {{url: "{answers}", model: paid-1, price: {{input: 2, output: 8}}}}
  seeing: {{url: "{answers}", model: seeing-1, price: 0, accepts: [text, image]}}
  home: {{url: "{answers}", model: home-1, power: {{watts: 100, per_kwh: 0.3}}, parallel: 2}}
  mystery: {{url: "{answers}", model: mystery-1}}
  silent: {{url: "{answers}", model: silent-1, price: {{input: 1, output: 1}}}}
  shaky: {{url: "{shaky}", model: shaky-1, price: 0}}
  gone: {{url: "http://127.0.0.1:{gone}/v1", price: 0}}
routes:
  - {{name: titles, when: {{model: title-please}}, to: [shaky, paid], cache: 1h}}
  - {{name: screenshots, when: {{image: true}}, to: [paid, seeing]}}
  - {{name: riddles, when: {{model: riddle-please}}, to: mystery}}
  - {{name: nowhere, when: {{model: nowhere-please}}, to: gone}}
  - {{name: too much, when: {{model: limited-please}}, to: seeing, limits: {{tokens: 1/d}}}}
  - {{name: untold, when: {{model: "silent-*"}}, to: silent}}
  - {{name: everything else, to: [home, paid]}}
"""
CHAT = "/v1/chat/completions"
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(b'x').decode()}"}}


async def answers(request: Request, writer: asyncio.StreamWriter) -> None:
    """A model server: quick, or as slow, silent or short-lived as the question wants it."""
    if request.method == "GET":
        respond(writer, 200, {"object": "list", "data": [{"id": "m", "object": "model"}]})
        return
    asked = request.json
    text = json.dumps(asked["messages"])
    usage = {
        "prompt_tokens": 40,
        "completion_tokens": 9,
        "total_tokens": 49,
        "prompt_tokens_details": {"cached_tokens": 12},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    if not asked.get("stream"):
        respond(writer, 200, {**chat_answer(), "usage": usage})
        return
    told = "silent" not in asked["model"]
    events = [
        re.sub(rb'"usage": \{[^}]*\}', b'"usage": ' + json.dumps(usage).encode(), event)
        for event in chat_chunks([f"piece {n} " for n in range(6)], told)
    ]
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for number, event in enumerate(events):
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await writer.drain()
        await asyncio.sleep(0.2 if "slowly" in text else 0.004)
        if number == 3 and "cut me" in text:
            writer.close()
            return
    writer.write(b"0\r\n\r\n")


async def shaky(request: Request, writer: asyncio.StreamWriter) -> None:
    """Looks well and cannot answer."""
    if request.method == "GET":
        respond(writer, 200, {"object": "list", "data": [{"id": "m", "object": "model"}]})
    else:
        respond(writer, 503, {"error": {"message": "no room", "type": "overloaded"}}, "retry-after: 0\r\n")


@dataclass(frozen=True, slots=True)
class Mixed:
    """A proxy under mixed traffic, and its Redis."""

    proxy: Signalbox
    redis: RedisProcess

    def round(self, number: int) -> None:
        """Each kind of request a few times, several at once."""
        work = [(self._ask, kind) for kind in self._kinds(number)] * 2 + [(self._hang_up, {})]
        with ThreadPoolExecutor(8) as threads:
            for done in [threads.submit(step, kind) for step, kind in work]:
                done.result(30)

    def change_the_rules(self, text: str) -> None:
        """Put this at the end of the rules file."""
        self.proxy.rules.write_text(self.proxy.rules.read_text() + text)

    def _kinds(self, number: int) -> Iterator[dict[str, Any]]:
        yield {"model": "auto", "content": f"hello {number}"}
        yield {"model": "auto", "content": f"hello {number}", "stream": True}
        yield {"model": "title-please", "content": "the same each time"}
        yield {"model": "title-please", "content": "the same each time", "stream": True}
        yield {"model": "title-please", "content": f"another {number}"}
        yield {"model": "title-please", "content": "the same each time", "fresh": True}
        yield {"model": "riddle-please", "content": "what am I?"}
        yield {"model": "silent-please", "content": "tell no usage", "stream": True}
        yield {"model": "nowhere-please", "content": "is anybody there?", "wanted": 503}
        yield {"model": "limited-please", "content": "more than one token", "wanted": 400}
        yield {"model": "paid", "content": "cut me", "stream": True, "wanted": None}
        yield {"model": "auto", "content": [{"type": "text", "text": "what is this?"}, PICTURE]}

    def _ask(self, kind: dict[str, Any]) -> None:
        body = {"model": kind["model"], "stream": kind.get("stream", False)}
        asked = json.dumps({**body, "messages": [{"role": "user", "content": kind["content"]}]}).encode()
        key, tool = ("one", "opencode/1.0") if len(asked) % 2 else ("two", "somebody/2")
        headers = {"authorization": f"Bearer sk-{key}", "user-agent": tool}
        if kind.get("fresh"):
            headers["cache-control"] = "no-store"
        try:
            status = post(self.proxy, CHAT, asked, **headers)[0]
        except http.client.HTTPException:
            status = None  # the stream was cut
        assert status == kind.get("wanted", 200), kind

    def _hang_up(self, _: dict[str, Any]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=10)
        body = {"model": "paid", "stream": True, "messages": [{"role": "user", "content": "slowly"}]}
        headers = {"content-type": "application/json", "authorization": "Bearer sk-one"}
        connection.request("POST", CHAT, json.dumps(body), headers)
        connection.getresponse().readline()
        connection.close()


@contextmanager
def mixed() -> Iterator[Mixed]:
    """Two workers, two model servers, a Redis."""
    require_redis()
    with ExitStack() as stack:
        rules = RULES.format(
            answers=stack.enter_context(upstream(answers)).url,
            shaky=stack.enter_context(upstream(shaky)).url,
            gone=free_port(),
        )
        redis = stack.enter_context(redis_server())
        environment = {"SIGNALBOX_KEYS": KEYS, "REDIS_URL": redis.url}
        yield Mixed(stack.enter_context(signalbox(rules, "--workers", "2", **environment)), redis)
