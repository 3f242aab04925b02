"""Real Redis servers for the length of a test: single ones, with TLS, a Sentinel, a Cluster."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.absent import absent
from tests.signalbox import free_port

__all__ = ["RedisProcess", "redis_cluster", "redis_sentinel", "redis_server", "require_redis"]


def require_redis() -> None:
    """Skip at home where there is no redis-server, fail in CI."""
    if shutil.which("redis-server") is None:
        absent("redis-server is not installed: `make servers`, or apt-get install redis-server")


class RedisProcess:
    """One server in a folder of its own, on a port that stays the same when it is started again."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, tls: bool = False):
        self.folder = folder
        self.port = port or free_port()
        self._tls = tls
        ports = ["--port", "0", "--tls-port", str(self.port)] if tls else ["--port", str(self.port)]
        bound = ["--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--loglevel", "warning"]
        self.command = ["redis-server", *ports, *bound, *options]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        until = time.monotonic() + 10
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                assert time.monotonic() < until and self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        """At once, with all that it holds."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """It holds its connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def cli(self, *words: str) -> str:
        """What redis-cli prints."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


@contextmanager
def redis_server(*options: str, tls: bool = False) -> Iterator[RedisProcess]:
    """One server."""
    require_redis()
    with tempfile.TemporaryDirectory() as folder:
        server = RedisProcess(Path(folder), *options, tls=tls)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def redis_sentinel(service: str) -> Iterator[tuple[RedisProcess, RedisProcess, int]]:
    """A master, its replica, and the port of a Sentinel that watches over them."""
    with (
        redis_server() as master,
        redis_server("--replicaof", "127.0.0.1", str(master.port)) as replica,
        tempfile.TemporaryDirectory() as folder,
    ):
        port, file = free_port(), Path(folder, "sentinel.conf")
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            f"sentinel monitor {service} 127.0.0.1 {master.port} 1",
            f"sentinel down-after-milliseconds {service} 300",
            f"sentinel failover-timeout {service} 2000",
        ]
        file.write_text("\n".join(lines) + "\n")
        sentinel = RedisProcess(Path(folder), port=port)
        sentinel.command = ["redis-server", str(file), "--sentinel"]
        sentinel.start()
        try:
            until = time.monotonic() + 20
            while "slave0" not in master.cli("info", "replication") or not sentinel.cli(
                "sentinel", "replicas", service
            ):
                assert time.monotonic() < until
                time.sleep(0.1)
            yield master, replica, port
        finally:
            sentinel.kill()


@contextmanager
def redis_cluster(nodes: int = 3) -> Iterator[list[RedisProcess]]:
    """So many masters that share the slots among them."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                redis_server(
                    "--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "2000"
                )
            )
            for _ in range(nodes)
        ]
        hosts = [f"127.0.0.1:{server.port}" for server in servers]
        command = ["redis-cli", "--cluster", "create", *hosts, "--cluster-replicas", "0", "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        until = time.monotonic() + 20
        while any("cluster_state:ok" not in server.cli("cluster", "info") for server in servers):
            assert time.monotonic() < until
            time.sleep(0.1)
        yield servers
