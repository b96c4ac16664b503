"""The rows by name; each measures against the running stack and returns what it found."""

from benchmarks.bench import Measure, of_stack
from benchmarks.rows.agents import agents_rows
from benchmarks.rows.fairness import fairness_rows
from benchmarks.rows.fanout import fanout_rows
from benchmarks.rows.gateway import gateway_rows
from benchmarks.rows.join import join_rows
from benchmarks.rows.learning import learning_rows
from benchmarks.rows.memory import memory_rows
from benchmarks.rows.model_call import model_call_rows
from benchmarks.rows.peers import dbos_rows, langgraph_rows, temporal_rows
from benchmarks.rows.policy import policy_rows
from benchmarks.rows.recovery import recovery_rows
from benchmarks.rows.routing import routing_rows
from benchmarks.rows.sandbox import sandbox_rows
from benchmarks.rows.strategies import strategies_rows
from benchmarks.rows.streams import idle_rows, live_rows
from benchmarks.rows.submit import submit_rows
from benchmarks.rows.tasks import tasks_rows
from benchmarks.rows.templates import templates_rows
from benchmarks.rows.tiers import tiers_rows
from benchmarks.rows.trips import trips_rows

ROWS: dict[str, Measure] = {
    "fanout": Measure(fanout_rows, 100),
    "submit": Measure(submit_rows, 60),
    "live": Measure(live_rows, 30),
    "tasks": Measure(tasks_rows, 100),
    "tiers": Measure(tiers_rows, 60),
    "fairness": Measure(of_stack(fairness_rows), 90),
    "policy": Measure(policy_rows, 20),
    "routing": Measure(routing_rows, 30),
    "learning": Measure(learning_rows, 15),
    "templates": Measure(templates_rows, 60),
    "model_call": Measure(of_stack(model_call_rows), 60),
    "gateway": Measure(of_stack(gateway_rows), 120),
    "langgraph": Measure(langgraph_rows, 75),
    "dbos": Measure(dbos_rows, 75),
    "temporal": Measure(temporal_rows, 75),
    "idle": Measure(idle_rows, 60),
    "memory": Measure(memory_rows, 60, is_alone=True),
    "sandbox": Measure(of_stack(sandbox_rows), 120, is_alone=True),
    "agents": Measure(agents_rows, 60, is_alone=True),
    "join": Measure(join_rows, 60, is_alone=True),
    "recovery": Measure(recovery_rows, 75, is_alone=True),
    "trips": Measure(trips_rows, 60, is_alone=True),
    "strategies": Measure(strategies_rows, 180, is_alone=True),
}
"""What needs the stack's own workers comes before what brings its own, so that they start once; the longest is last."""
