"""A server that speaks the OpenAI-compatible protocol on this machine, and misbehaves on purpose."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from flowpilot.accounts.models import Account
from flowpilot.llm.models import LanguageModel
from tests.servers import running

# What a scripted model makes of a question's content (JSON); a text is sent as it is.
Script = Callable[[dict[str, Any]], Any]


@dataclass
class ModelServer:
    """`fails` are tried one after the other, by the names of FAULTS; when they are used up, `script` answers."""

    url: str = ""
    script: Script = lambda _: {}
    fails: list[str] = field(default_factory=list)
    always: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def contents(self) -> list[dict[str, Any]]:
        """What was asked, as the JSON of the user message."""
        return [json.loads(body["messages"][-1]["content"]) for body in self.asked]

    @property
    def sent(self) -> str:
        """All that left the house."""
        return json.dumps(self.asked, ensure_ascii=False)


def completion(text: str | None, *, finish: str = "stop", refusal: str | None = None, usage: Any = None) -> Any:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
            }
        ],
        "usage": usage or {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


# (status, body, headers) or, for what is no answer at all, None.
FAULTS: dict[str, Callable[[], tuple[int, bytes, dict[str, str]] | None]] = {
    "429": lambda: (429, b'{"error": {"message": "slow down"}}', {}),
    "429 for long": lambda: (429, b'{"error": {"message": "slow down"}}', {"retry-after": "3600"}),
    "500": lambda: (500, b'{"error": {"message": "it broke"}}', {}),
    "401": lambda: (401, b'{"error": {"message": "no such key"}}', {}),
    "slow": lambda: None,
    "hang up": lambda: None,
    "refusal": lambda: (200, json.dumps(completion(None, refusal="I will not.")).encode(), {}),
    "filter": lambda: (200, json.dumps(completion("", finish="content_filter")).encode(), {}),
    "sorry": lambda: (200, json.dumps(completion("I am sorry, I cannot help with that.")).encode(), {}),
    "half": lambda: (200, json.dumps(completion('{"nodes": {"n1": {"te')).encode(), {}),
    "cut": lambda: (200, json.dumps(completion('{"nodes": {', finish="length")).encode(), {}),
    "schema": lambda: (200, json.dumps(completion('{"nodes": [1, 2], "approve": true}')).encode(), {}),
    "empty": lambda: (200, json.dumps(completion("")).encode(), {}),
    "no body": lambda: (200, b"", {}),
    "html": lambda: (200, b"<html>A proxy says hello</html>", {}),
    "no choices": lambda: (200, b'{"id": "1", "object": "chat.completion", "choices": []}', {}),
    "elsewhere": lambda: (302, b"", {"location": "http://127.0.0.1:1/"}),
    "huge": lambda: (200, b" " * (5 * 1024 * 1024), {}),
    "surrogate": lambda: (200, json.dumps(completion('{"ok": "\\ud800"}')).encode(), {}),
}


@contextmanager
def model_server(script: Script = lambda _: {}, *, always: str = "") -> Iterator[ModelServer]:
    """Runs one; `script` gets the masked content and gives the answer's JSON."""
    server = ModelServer(script=script, always=always)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            server.asked.append(body)
            fault = server.fails.pop(0) if server.fails else server.always
            if fault == "slow":
                time.sleep(1.0)
            if fault in ("slow", "hang up"):
                self.close_connection = True
                return
            found = FAULTS[fault]() if fault else None
            if found is None:
                answer = server.script(json.loads(body["messages"][-1]["content"]))
                text = answer if isinstance(answer, str) else json.dumps(answer)
                found = (200, json.dumps(completion(text)).encode(), {})
            status, text_of, headers = found
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text_of)))
            self.end_headers()
            self.wfile.write(text_of)

        def log_message(self, *_: Any) -> None:
            pass

    with running(Handler) as address:
        server.url = f"{address}/v1"
        yield server


def allow_model(account: Account, url: str, **fields: Any) -> LanguageModel:
    """The account's language model at a server of one's own, switched on."""
    model = LanguageModel(
        account=account, is_active=True, provider="compatible", model="scripted", base_url=url, **fields
    )
    model.save()
    return model
