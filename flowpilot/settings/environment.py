"""Where the settings come from: the environment, and what this installation keeps on disk."""

import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()
# What this installation keeps on disk: embedded servers' data, generated keys, collected static files.
VAR_DIR: Path = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
if (VAR_DIR / "embedded.env").exists():
    environ.Env.read_env(VAR_DIR / "embedded.env")


def made_once(name: str, make: Callable[[], str]) -> str:
    """A secret of this installation, made at the first start and kept in `var/`."""
    path = VAR_DIR / name
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(make())
        # Web, worker and beat start at once: the first one's secret stays, whole.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()
