"""A whole FlowPilot of its own: PostgreSQL, Redis, web, worker and beat, each of which can be killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import redis

from flowpilot import embedded

BASE_DIR = Path(__file__).resolve().parent.parent.parent
# Short leases and time-outs: a killed worker's work is another's after seconds, not minutes.
SHORT = {
    "ANALYSIS_LEASE_SECONDS": "4",
    "INGEST_LEASE_SECONDS": "4",
    "PSA_TIMEOUT_SECONDS": "2",
    "WEBHOOK_TIMEOUT_SECONDS": "2",
}
# Everything on one machine, and no limit to how often the load may ask.
OPEN = {
    "PSA_ALLOW_PRIVATE": "true",
    "WEBHOOK_ALLOW_PRIVATE": "true",
    "WEBHOOK_ALLOW_HTTP": "true",
    "API_REQUESTS_PER_MINUTE": "0",
    "PLAIN_STATIC": "1",
    "LOG_LEVEL": "ERROR",
}


class Postgres:
    """PostgreSQL with its durability on, as in production."""

    def __init__(self, folder: Path) -> None:
        self.server = embedded._postgres_server(folder)
        self.server.ensure_pgdata_inited()
        (folder / "postgresql.auto.conf").write_text(embedded.POSTGRES_CONF + "restart_after_crash = on\n")
        self.start()
        embedded._create_database(self.server)
        socket_dir = quote(str(self.server.get_postmaster_info().socket_dir), safe="")
        self.url = f"postgresql://postgres@{socket_dir}/flowpilot"

    def start(self) -> None:
        embedded._start_postgres(self.server, self.server.pgdata)

    def stop(self) -> None:
        """At once, as if the power had gone: it recovers from its log when it starts."""
        process = self.server.get_postmaster_info().process
        assert process is not None
        backends = process.children(recursive=True)
        process.send_signal(signal.SIGQUIT)
        psutil.wait_procs([process, *backends], timeout=30)


class Redis:
    """Redis with its log of writes on, which is what `flowpilot.embedded` runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "redis.sock"
        folder.mkdir()
        self.url = f"unix://{self.socket}?db=0"
        self.start()

    def start(self) -> None:
        self.process = embedded._start_redis(self.folder, self.socket)
        client = redis.Redis(unix_socket_path=str(self.socket))
        embedded._wait_for_redis(client, self.process, self.folder)
        client.close()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class House:
    """The Procfile's processes, begun anew when they end, as a supervisor does (systemd: `Restart=always`)."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**environment, "PORT": str(self.port), "HOST": "127.0.0.1"}
        binaries = Path(sys.executable).parent
        lines = (BASE_DIR / "Procfile").read_text().splitlines()
        parts = [line.partition(":") for line in lines]
        self.commands = {name: f"exec {binaries}/{command.strip()}" for name, _, command in parts if command}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.log = log.open("ab")
        self.lock = threading.Lock()
        self.is_closing = False
        self.killed: dict[str, int] = dict.fromkeys(self.commands, 0)

    def begin(self) -> None:
        for name in self.commands:
            self._begin(name)
        threading.Thread(target=self._watch, daemon=True).start()

    def _begin(self, name: str) -> None:
        self.running[name] = subprocess.Popen(
            self.commands[name], shell=True, cwd=BASE_DIR, env=self.environment, stdout=self.log, stderr=self.log,
            start_new_session=True,
        )  # fmt: skip

    def _watch(self) -> None:
        while not self.is_closing:
            with self.lock:
                for name, process in list(self.running.items()):
                    if process.poll() is not None and not self.is_closing:
                        self._begin(name)
            time.sleep(0.3)

    def kill(self, name: str, rng: random.Random) -> None:
        """`kill -9` of the process or one of its children, by lot."""
        process = self.running[name]
        try:
            found = psutil.Process(process.pid)
            rng.choice([found, *found.children(recursive=True)]).kill()
        except psutil.NoSuchProcess:
            return
        self.killed[name] += 1

    def close(self) -> None:
        with self.lock:
            self.is_closing = True
        for process in self.running.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.running.values():
            process.wait(10)
        self.log.close()


@contextmanager
def stores(folder: Path) -> Iterator[tuple[Postgres, Redis, dict[str, str]]]:
    """Both stores, and the environment of everything that works on them."""
    with ExitStack() as stack:
        postgres = Postgres(folder / "postgres")
        stack.callback(postgres.server.cleanup)
        cache = Redis(folder / "redis")
        stack.callback(cache.stop)
        urls = {"DATABASE_URL": postgres.url, "REDIS_URL": cache.url, "VAR_DIR": str(folder)}
        kept: dict[str, Any] = {k: v for k, v in os.environ.items() if k not in ("METRICS_TOKEN", "CELERY_BROKER_URL")}
        yield postgres, cache, {**kept, **urls, **SHORT, **OPEN}
