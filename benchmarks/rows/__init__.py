"""The rows by name; each measures against the running stack and returns what it found."""

from benchmarks.bench import Measure, of_stack
from benchmarks.rows.agents import agents_rows
from benchmarks.rows.fairness import fairness_rows
from benchmarks.rows.fanout import fanout_rows
from benchmarks.rows.gateway import gateway_rows
from benchmarks.rows.join import join_rows
from benchmarks.rows.model_call import model_call_rows
from benchmarks.rows.peers import dbos_rows, langgraph_rows, temporal_rows
from benchmarks.rows.recovery import recovery_rows
from benchmarks.rows.sandbox import sandbox_rows
from benchmarks.rows.streams import idle_rows, live_rows
from benchmarks.rows.submit import submit_rows
from benchmarks.rows.tasks import tasks_rows

ROWS: dict[str, Measure] = {
    "fanout": Measure(fanout_rows, 120),
    "submit": Measure(submit_rows, 90),
    "live": Measure(live_rows, 60),
    "tasks": Measure(tasks_rows, 90),
    "model_call": Measure(of_stack(model_call_rows), 120),
    "gateway": Measure(of_stack(gateway_rows), 120),
    "fairness": Measure(of_stack(fairness_rows), 120),
    "sandbox": Measure(of_stack(sandbox_rows), 120),
    "agents": Measure(agents_rows, 120),
    "join": Measure(join_rows, 120),
    "recovery": Measure(recovery_rows, 120),
    "idle": Measure(idle_rows, 90),
    "langgraph": Measure(langgraph_rows, 75),
    "dbos": Measure(dbos_rows, 75),
    "temporal": Measure(temporal_rows, 75),
}
