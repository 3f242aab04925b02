"""The lane for the doors, spoken to in raw bytes: well-formed, unusual, and lying."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.wire import inbound as lane
from router.wire.exchange import Exchange
from tests.wire.conftest import exchange_bytes, inbound

pytestmark = pytest.mark.anyio


async def echo(exchange: Exchange) -> None:
    exchange.respond(200, [(b"content-type", b"text/plain")], b"%s:%s" % (exchange.path.encode(), exchange.body()))


def post(path: bytes, body: bytes, extra: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: h\r\n%bcontent-length: %d\r\n\r\n%b" % (path, extra, len(body), body)


async def test_a_door_answers_and_other_paths_reach_the_application_on_the_same_connection() -> None:
    async with inbound(echo) as port:
        answer = await exchange_bytes(
            port,
            post(b"/v1/a?q=1", b"one"),
            b"GET /page HTTP/1.1\r\nhost: h\r\n\r\n",
            post(b"/v1/b", b"two"),
            pause=0.05,
        )
    assert answer.index(b"/v1/a:one") < answer.index(b"asgi") < answer.index(b"/v1/b:two")


async def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async def slow_first(exchange: Exchange) -> None:
        if exchange.path == "/v1/1":
            await asyncio.sleep(0.05)
        await echo(exchange)

    async with inbound(slow_first) as port:
        answer = await exchange_bytes(port, post(b"/v1/1", b"a") + post(b"/page", b"") + post(b"/v1/3", b"c"))
    assert answer.index(b"/v1/1:a") < answer.index(b"asgi") < answer.index(b"/v1/3:c")


async def test_every_split_of_a_request_gives_the_same_answer() -> None:
    request = post(b"/v1/a", b"hello")
    async with inbound(echo) as port:
        for cut in range(1, len(request)):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request[:cut])
            await asyncio.sleep(0)
            writer.write(request[cut:])
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(11) == b"/v1/a:hello"
            writer.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /v1/x HTTP/1.1\r\nhost h\r\n\r\n", b"400"),
        (b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"POST /v1/x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc", b"400"),
        (b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET /v1/x HTTP/1.1\r\nhost: h\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /v1/" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: h\r\n\r\n", b"431"),
        (b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: 100001\r\n\r\n", b"413"),
        (
            b"POST /v1/x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n186A1\r\n" + b"a" * 100_001 + b"\r\n",
            b"413",
        ),
    ],
)
async def test_what_cannot_be_understood_is_told_so_and_the_server_goes_on(request_bytes: bytes, status: bytes) -> None:
    async with inbound(echo) as port:
        answer = await exchange_bytes(port, request_bytes)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"connection: close" in answer
        assert answer.count(b"HTTP/1.1 ") == 1
        assert (await exchange_bytes(port, post(b"/v1/a", b"x", b"connection: close\r\n"))).endswith(b"/v1/a:x")


async def test_a_client_that_sends_too_much_can_still_read_why_it_was_refused() -> None:
    async with inbound(echo) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/x HTTP/1.1\r\nhost: h\r\ncontent-length: 20000000\r\n\r\n")
        for _ in range(200):  # all of it first, as most HTTP libraries do
            writer.write(b"a" * 100_000)
            await writer.drain()
        assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP/1.1 413")
        writer.close()


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_bytes_at_the_door_never_make_a_500_or_end_the_server(data: bytes) -> None:
    async def run() -> None:
        async with inbound(echo) as port:
            answer = await exchange_bytes(port, data, eof=True)
            assert b" 500 " not in answer.split(b"\r\n")[0]
            assert (await exchange_bytes(port, post(b"/v1/a", b"x", b"connection: close\r\n"))).endswith(b"/v1/a:x")

    asyncio.run(run())


async def test_an_offer_to_switch_protocols_is_ignored_and_the_request_answered() -> None:
    upgrade = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
    async with inbound(echo) as port:
        answer = await exchange_bytes(port, post(b"/v1/a", b"hi", upgrade))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"/v1/a:hi")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/a HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
        b"GET /v1/a HTTP/1.1\r\nproxy-connection: upgrade\r\nupgrade: x\r\n",
        b"GET /v1/a HTTP/1.1\r\nconnection: upgrade\r\nupgrade: x\r\nconnection: upgrade\r\nupgrade: y\r\n",
        b"GET /v1/a HTTP/1.0\r\nconnection: upgrade\r\nupgrade: x\r\n",
    ],
)
@pytest.mark.parametrize("after", [b"", b"GET /v1/b HTTP/1.1\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"])
async def test_no_form_of_an_offer_is_read_over_and_over(
    after: bytes, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with inbound(echo) as port:
        answer = await exchange_bytes(port, head + b"\r\n" + after)
    if not after:
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"/v1/a:")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not caplog.records


@pytest.mark.parametrize("after", [b"", b"\x16\x03\x01 what TLS says", b"CONNECT b:443 HTTP/1.1\r\n\r\n"])
async def test_a_tunnel_is_refused_once(after: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with inbound(echo) as port:
        answer = await exchange_bytes(port, b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n" + after)
        assert answer.startswith(b"HTTP/1.1 405") and answer.count(b"HTTP/1.1") == 1
        assert b"connection: close" in answer
        behind = await exchange_bytes(port, post(b"/v1/a", b"x") + b"CONNECT a:443 HTTP/1.1\r\n\r\n")
        assert behind.count(b"HTTP/1.1") <= 1
    assert not caplog.records


STRANGER = b"x-stranger: 1\r\n"


async def turn_away(exchange: Exchange) -> None:
    exchange.respond(401, [], b"%s:%d" % (exchange.path.encode(), exchange.size))


@pytest.mark.parametrize(
    "told",
    [
        b"content-length: 99999\r\n",
        b"transfer-encoding: chunked\r\n",
        b"content-length: 3\r\nexpect: 100-continue\r\n",
        b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 3\r\n",
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_who_is_not_welcome_is_told_so_before_the_body_is_there(version: bytes, told: bytes) -> None:
    async with inbound(turn_away) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/a HTTP/%b\r\nhost: h\r\n%b%b\r\n" % (version, STRANGER, told))
        answer = await asyncio.wait_for(reader.read(), 1)
        assert answer.startswith(b"HTTP/1.1 401") and b"connection: close" in answer and answer.endswith(b"/v1/a:0")
        writer.close()


@pytest.mark.parametrize("kind", [b"application/json", b"multipart/form-data; boundary=x"])
async def test_who_is_not_welcome_can_read_so_after_sending_everything(kind: bytes) -> None:
    async def slowly(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await turn_away(exchange)

    head = b"POST /v1/a HTTP/1.1\r\nhost: h\r\n%bcontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
    async with inbound(slowly) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head % (STRANGER, kind))
        async with asyncio.timeout(2):
            for _ in range(200):
                writer.write(b"186a0\r\n" + b"a" * 100_000 + b"\r\n")
                await writer.drain()
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 401")
    assert int(answer.rpartition(b":")[2]) < 2_000_000, "what is sent is not held"


async def test_who_is_not_welcome_is_told_so_in_turn() -> None:
    async def slow_first(exchange: Exchange) -> None:
        if exchange.path == "/v1/1":
            await asyncio.sleep(0.05)
            await echo(exchange)
        else:
            await turn_away(exchange)

    second = b"POST /v1/2 HTTP/1.1\r\nhost: h\r\n%bcontent-length: 99999\r\n\r\nabc" % STRANGER
    async with inbound(slow_first) as port:
        answer = await exchange_bytes(port, post(b"/v1/1", b"a") + second)
    assert answer.index(b"200") < answer.index(b"/v1/1:a") < answer.index(b"401") < answer.index(b"/v1/2:3")


async def test_a_small_body_is_waited_for_and_its_connection_goes_on() -> None:
    async with inbound(turn_away) as port:
        answer = await exchange_bytes(port, post(b"/v1/a", b"hi", STRANGER), post(b"/v1/b", b"hi"), pause=0.05)
    assert answer.index(b"/v1/a:2") < answer.index(b"/v1/b:2") and b"connection: close" not in answer


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on() -> None:
    async with inbound(echo) as port:
        head, body = post(b"/v1/a", b"hi", b"expect: 100-continue\r\n").split(b"\r\n\r\n")
        answer = await exchange_bytes(port, head + b"\r\n\r\n", body, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


async def test_a_request_that_stops_arriving_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "ARRIVAL_PATIENCE", 0.1)
    async with inbound(echo) as port:
        assert (await exchange_bytes(port, post(b"/v1/a", b"hello")[:-2])).startswith(b"HTTP/1.1 408")
        reader, _ = await asyncio.open_connection("127.0.0.1", port)  # says nothing at all
        assert await asyncio.wait_for(reader.read(), 1) == b""
        first, second = post(b"/v1/a", b"x"), post(b"/v1/b", b"y")
        answer = await exchange_bytes(port, first, second[:20], pause=0.02)
        assert answer.count(b"HTTP/1.1") >= 1


async def test_a_head_that_trickles_is_ended_as_one_that_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "ARRIVAL_PATIENCE", 0.2)
    async with inbound(echo) as port:
        began = asyncio.get_running_loop().time()
        trickle = [bytes((byte,)) for byte in post(b"/v1/a", b"hello")]
        await exchange_bytes(port, *trickle, pause=0.02)
        assert asyncio.get_running_loop().time() - began < 1
        slowly = [post(b"/v1/a", b"hello" * 2)[:-10], b"h", b"e", b"l", b"l", b"o", b"hello"]
        answer = await exchange_bytes(port, *slowly, pause=0.1)
    assert answer.endswith(b"/v1/a:hellohello"), "a body may come as slowly as it likes, as long as it comes"


async def test_a_client_that_takes_in_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("only Linux has this option")
    monkeypatch.setattr(lane, "GONE", 1.0)
    ended = asyncio.Event()

    async def much(exchange: Exchange) -> None:
        exchange.write(b"a", exchange.start(200, []))
        try:
            while True:
                exchange.write(b"a" * 65536)
                if (wait := exchange.ready()) is not None:
                    await wait
        except asyncio.CancelledError:
            ended.set()
            raise

    async with inbound(much) as port:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(post(b"/v1/a", b""))
        await asyncio.wait_for(ended.wait(), 6)
        client.close()


async def test_the_one_that_is_answered_is_cancelled_when_its_client_leaves_with_others_behind_it() -> None:
    ended = asyncio.Event()

    async def long(exchange: Exchange) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.set()
            raise

    async with inbound(long) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"/v1/a", b"") * 3)
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.wait_for(ended.wait(), 0.2)


async def test_the_task_is_cancelled_when_its_client_leaves() -> None:
    ended = asyncio.Event()

    async def long(exchange: Exchange) -> None:
        exchange.write(b"a", exchange.start(200, []))
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.set()
            raise

    async with inbound(long) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"/v1/a", b""))
        await reader.readuntil(b"1\r\na\r\n")
        writer.close()
        await asyncio.wait_for(ended.wait(), 0.1)


async def test_a_cut_stream_has_no_proper_end_and_a_finished_one_does() -> None:
    async def stream(exchange: Exchange) -> None:
        exchange.write(b"abc", exchange.start(200, []))
        exchange.write(b"def")
        exchange.cut() if exchange.path == "/v1/cut" else exchange.finish()

    async with inbound(stream) as port:
        cut = await exchange_bytes(port, post(b"/v1/cut", b""))
        whole = await exchange_bytes(port, post(b"/v1/whole", b""))
        old = await exchange_bytes(port, b"GET /v1/whole HTTP/1.0\r\n\r\n")
    assert cut.endswith(b"3\r\nabc\r\n3\r\ndef\r\n")
    assert whole.endswith(b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")
    assert old.endswith(b"\r\n\r\nabcdef")
    assert b"chunked" not in old


async def test_an_upload_reaches_the_door_while_it_is_arriving_and_is_never_held_whole() -> None:
    seen: list[int] = []

    async def count(exchange: Exchange) -> None:
        total = 0
        async for piece in exchange.arriving():
            total += len(piece)
            seen.append(len(piece))
        exchange.respond(200, [], b"%d" % total)

    size = 5_000_000
    head = (
        b"POST /v1/a HTTP/1.1\r\nhost: h\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: %d\r\n\r\n"
    )
    async with inbound(count) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head % size)
        for _ in range(50):
            writer.write(b"a" * (size // 50))
            await writer.drain()
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n5000000"), 2)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert max(seen) < 1_000_000


async def test_answers_of_many_connections_at_once_each_reach_their_own() -> None:
    """More than one request under way: their writes are gathered, and none gets another's place."""

    async def later(exchange: Exchange) -> None:
        await asyncio.sleep(0.001)
        await echo(exchange)

    async def client(port: int, number: int) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = []
        for turn in range(20):
            body = b"%d/%d" % (number, turn)
            writer.write(post(b"/v1/a", body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            answers.append(await reader.readexactly(length))
        writer.close()
        return answers

    async with inbound(later) as port:
        all_answers = await asyncio.gather(*(client(port, number) for number in range(20)))
    for number, answers in enumerate(all_answers):
        assert answers == [b"/v1/a:%d/%d" % (number, turn) for turn in range(20)]
