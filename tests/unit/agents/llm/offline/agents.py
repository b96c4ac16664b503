"""Plays an agent's turns against the offline model, with the real calculator and a local Python on a folder."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.llm.offline.provider import OfflineProvider
from agents.tools.arithmetic import evaluate

OVERVIEW = """- stocks.csv (12,245 bytes)
  560 rows; columns: symbol, date, price
  values of symbol: AAPL, AMZN, GOOG, IBM, MSFT
- notes.txt (73 bytes)"""
ALL_TOOLS = ("python", "calculator", "file_read", "file_write", "file_list", "memory_search")
_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "python": ("code",),
    "calculator": ("expression",),
    "file_read": ("path",),
    "file_write": ("path", "content"),
    "file_list": (),
    "memory_search": ("query",),
}


def definition(name: str) -> dict[str, Any]:
    """Return a tool as a model is offered it."""
    arguments = _ARGUMENTS[name]
    parameters = {"type": "object", "properties": {key: {"type": "string"} for key in arguments}, "required": arguments}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


@dataclass
class PlayedAgent:
    """An agent on a folder. `calls` are the tool calls that the model wanted."""

    folder: Path
    tools: Sequence[str] = ALL_TOOLS
    overview: str = OVERVIEW
    dependencies: str = ""
    history: Sequence[tuple[str, str]] = ()
    memories: Sequence[Mapping[str, Any]] = ()
    failing: Mapping[str, str] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def run(self, instruction: str) -> str:
        """Return the final answer."""
        parts = [instruction]
        if self.dependencies:
            parts.append(f"## Results you depend on\n\n{self.dependencies}")
        if self.overview:
            parts.append(f"## Files in the workspace\n\n{self.overview}")
        messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in self.history]
        messages.append({"role": "user", "content": "\n\n".join(parts)})
        parameters = {"tools": [definition(name) for name in self.tools]}
        for _ in range(6):
            answer = OfflineProvider().answer(messages=messages, parameters=parameters)
            messages.append(answer.message())
            if not answer.tool_calls:
                return answer.text
            messages += [self._tool_message(call) for call in answer.tool_calls]
        raise AssertionError("The model calls tools without end.")

    def _tool_message(self, call: Mapping[str, Any]) -> dict[str, Any]:
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        self.calls.append((name, arguments))
        if name in self.failing:
            error = {"code": "TOOL_FAILED", "message": self.failing[name], "final": True}
            result: dict[str, Any] = {"ok": False, "error": error}
        else:
            result = {"ok": True, "output": self._output(name, arguments)}
        return {"role": "tool", "tool_call_id": call["id"], "name": name, "content": json.dumps(result)}

    def _output(self, name: str, arguments: Mapping[str, Any]) -> Any:
        if name == "python":
            return self._python(arguments["code"])
        if name == "calculator":
            return {"result": evaluate(arguments["expression"]), "text": str(evaluate(arguments["expression"]))}
        if name == "file_read":
            return {"path": arguments["path"], "text": (self.folder / arguments["path"]).read_text()}
        if name == "file_list":
            entries = [{"path": path.name, "is_dir": False, "size_bytes": 1} for path in sorted(self.folder.iterdir())]
            return {"entries": entries, "total": len(entries)}
        if name == "file_write":
            (self.folder / arguments["path"]).write_text(arguments["content"])
            return {"path": arguments["path"], "size_bytes": len(arguments["content"])}
        return {"memories": list(self.memories)}

    def _python(self, code: str) -> dict[str, Any]:
        command = [sys.executable, "-I", "-c", code]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=30)
        outcome = "failed" if done.returncode else "ok"
        return {"stdout": done.stdout, "stderr": done.stderr, "exit_code": done.returncode, "outcome": outcome}
