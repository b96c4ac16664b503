"""Runs inside the guest `python`: a program that calls tools, on CPython, from its beginning with the answers so far.

`stretch.json` has the program and what came of its calls; what the program asks beyond them is written to `turn.json`,
and it is stopped there. It has no files, and a clock and chance that are the same in every stretch.
"""

from typing import Any


def _start() -> None:
    import ast
    import datetime as datetime_module
    import json
    import linecache
    import os
    import random
    import sys
    import time
    import traceback

    with open("stretch.json", encoding="utf-8", errors="surrogatepass") as file:
        stretch = json.load(file)
    os.remove("stretch.json")
    answers: list[dict[str, Any]] = list(stretch["answers"])
    paused: list[dict[str, Any]] = []
    diverged: list[dict[str, Any]] = []

    class Paused(BaseException):
        pass

    def leave(turn: dict[str, Any]) -> None:
        with open("turn.json", "w", encoding="utf-8", errors="surrogatepass") as file:
            json.dump(turn, file)

    def lost(asked: dict[str, Any]) -> dict[str, Any]:
        return {"call": None, "value": None, "error": "", "diverged": asked}

    def call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if paused or diverged:  # it caught what stops it, perhaps in a loop: nothing that it does now counts
            leave({"call": paused[0]} if paused else lost(diverged[0]))
            sys.stdout.flush()
            os._exit(0)
        try:
            asked = json.loads(json.dumps({"name": name, "args": list(args), "kwargs": kwargs}, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"what a tool is called with must be JSON: {str(error)[:200]}") from None
        if not answers:
            paused.append(asked)
            raise Paused
        answer = answers.pop(0)
        if answer["call"] != asked:
            diverged.append(asked)
            raise Paused
        if answer["error"]:
            raise RuntimeError(answer["error"])
        return answer["value"]

    class Tools:
        def __getattr__(self, name: str) -> Any:
            if name not in stretch["tools"]:
                raise AttributeError(f"there is no tool {name!r} here; there are {', '.join(stretch['tools'])}")
            return lambda *args, **kwargs: call(name, args, kwargs)

    now = stretch["now_seconds"]

    class Clock(datetime_module.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(now, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(now, datetime_module.timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

    class Day(datetime_module.date):
        @classmethod
        def today(cls) -> Any:
            day = Clock.now()
            return cls(day.year, day.month, day.day)

    datetime_module.datetime = Clock  # type: ignore[misc]
    datetime_module.date = Day  # type: ignore[misc]
    time.time, time.time_ns = (lambda: now), (lambda: int(now * 1_000_000_000))
    time.sleep = lambda seconds: None
    random.seed(stretch["seed"])

    source, name = stretch["code"], "program.py"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace = {"__name__": "__main__", "__builtins__": __builtins__, "tools": Tools()}

    def run() -> Any:
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), namespace)
        return None if last is None else eval(compile(ast.Expression(last.value), name, "eval"), namespace)

    def shown(error: BaseException) -> str:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        frames = [line for line in lines if not ('File "' in line and 'File "program.py"' not in line)]
        return "".join(frames)[-8000:]

    value, failure = None, ""
    try:
        value = run()
    except Paused:
        pass
    except SystemExit as error:
        failure = "" if error.code in (None, 0) else f"SystemExit: {error.code}"
    except MemoryError:
        raise
    except BaseException as error:
        failure = shown(error)
    sys.stdout.flush()
    if diverged:
        leave(lost(diverged[0]))
    elif paused:
        leave({"call": paused[0]})
    else:
        try:
            value = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            value = repr(value)[:10_000]
        leave({"call": None, "value": value, "error": failure})


_start()
