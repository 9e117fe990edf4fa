"""How the server asks the broker: one connection, one line, and the answer's lines as they come. On asyncio's loop."""

from __future__ import annotations

import asyncio
import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

BROKER = "/run/pyinit-web/broker"
#: Bytes. A list of 3000 units takes a tenth of it, a line of a log at most 48 K, and twice that as JSON.
_LONGEST = 1 << 24
#: Seconds: a job may take as long as the broker waits for it.
_TIMEOUT = 100.0


class Refusal(Exception):
    """What the broker said instead: its word ("forbidden", …), and a text."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text)
        self.word, self.text = word, text


class Stream:
    """Lines that come. Close it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def items(self) -> AsyncIterator[Any]:
        """Values; None where the broker only says that it is there. Ends where it does."""
        while line := await self._reader.readline():
            try:
                yield json.loads(line) if line.strip() else None
            except ValueError:
                continue  # cut off by the end of who wrote it

    def close(self) -> None:
        self._writer.close()


class Broker:
    def __init__(self, path: str = BROKER) -> None:
        self._path = path

    async def ask(self, name: str, proof: str = "", **more: object) -> Any:
        """The answer. Refusal where there is none."""
        answer, stream = await asyncio.wait_for(self._begin(name, proof, more), _TIMEOUT)
        stream.close()
        return answer

    async def follow(self, name: str, proof: str = "", **more: object) -> Stream:
        _, stream = await asyncio.wait_for(self._begin(name, proof, more), _TIMEOUT)
        return stream

    async def _begin(self, name: str, proof: str, more: dict[str, object]) -> tuple[Any, Stream]:
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=_LONGEST)
        except OSError as problem:
            raise Refusal("unavailable", f"The broker does not answer at {self._path}: {problem.strerror}") from None
        try:
            writer.write(json.dumps({"do": name, "proof": proof, **more}).encode() + b"\n")
            line = await reader.readline()
            answer = json.loads(line) if line else {"error": "unavailable", "text": "The broker has gone away."}
            if "error" in answer:
                raise Refusal(answer["error"], answer["text"])
        except BaseException as problem:
            writer.close()
            if isinstance(problem, OSError):
                raise Refusal("unavailable", f"The broker does not answer: {problem.strerror}") from None
            raise
        return answer["ok"], Stream(reader, writer)
