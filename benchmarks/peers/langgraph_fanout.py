"""LangGraph: `width` nodes that do nothing, fanned out by Send, joined, checkpointed in Postgres."""

import json
import operator
import sys
import time
from typing import Annotated, Any, TypedDict
from uuid import uuid4

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool


class State(TypedDict):
    """Who is to do something, and who did."""

    width: int
    done: Annotated[list[int], operator.add]


def main(database_url: str, width: int, runs: int) -> None:
    """Print the milliseconds of each run after a first that does not count."""
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    with ConnectionPool(database_url, min_size=2, max_size=16, kwargs=options) as pool:
        saver = PostgresSaver(pool)
        saver.setup()
        graph = StateGraph(State)
        graph.add_node("work", lambda state: {"done": [state["number"]]})
        graph.add_node("join", lambda _: {})
        graph.add_conditional_edges(
            START, lambda state: [Send("work", {"number": number}) for number in range(state["width"])], ["work"]
        )
        graph.add_edge("work", "join")
        graph.add_edge("join", END)
        compiled = graph.compile(checkpointer=saver)
        milliseconds = []
        for _ in range(runs + 1):
            config = {"configurable": {"thread_id": uuid4().hex}, "max_concurrency": 16}
            started = time.perf_counter()
            state = compiled.invoke({"width": width, "done": []}, config)
            milliseconds.append((time.perf_counter() - started) * 1000)
            assert len(state["done"]) == width
    print(json.dumps(milliseconds[1:]))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
