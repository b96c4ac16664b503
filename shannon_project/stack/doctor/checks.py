"""All checks, in the order in which they are told. Ids are for ever: a new check gets a new one."""

from shannon_project.foundation.errors import ShannonError
from shannon_project.stack.doctor import machine, running
from shannon_project.stack.doctor.base import Check, CheckResult, Complaint, Patient, Verdict
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.state import state_of

_RESTART = "`make down`, then `make up`; the logs are in .local/log."

CHECKS = (
    Check("D001", "Python", machine.python_version, "Install Python 3.11, 3.12 or 3.13 and run `make clean demo`."),
    Check("D002", "packages", machine.packages, "Run `rm .venv/.installed-*`, then `make doctor`: it installs them."),
    Check("D003", "stack", running.stack_is_up, "`make down` clears what is left, `make up` starts it again."),
    Check("D004", "servers", running.servers_given, "Set both to use servers of yours, or none to have them started."),
    Check("D010", "Postgres", running.postgres, "Postgres 15 or newer with pgvector is needed: " + _RESTART, True),
    Check("D011", "broker", running.broker, "Redis 6.2 or newer, or Valkey, is needed: " + _RESTART, True),
    Check("D020", "migrations", running.migrations, "Run `.venv/bin/python manage.py seed --migrate`.", True),
    Check("D030", "web", running.web, _RESTART, True),
    Check("D031", "worker", running.worker, _RESTART, True),
    Check("D032", "beat", running.beat, "Workers recover by themselves, only slower. " + _RESTART, True),
    Check("D033", "Flower", running.flower, _RESTART, True),
    Check("D034", "gateway", running.gateway, "`/v1` asks models through it. " + _RESTART, True),
    Check("D035", "control worker", running.control, _RESTART, True),
    Check("D040", "disk", machine.disk, "Make room or change the owner, or set SHANNON_LOCAL_DIR to another folder."),
    Check("D050", "sandbox", machine.sandbox, "Its runtime comes with the packages: `make clean`, then `make up`."),
)
_ASK_GIVEN_SERVERS = frozenset({"D010", "D011", "D020"})


def examine(paths: StackPaths) -> list[CheckResult]:
    """Make every check; none is left out because an earlier one failed."""
    patient = Patient(paths, state_of(paths))
    return [_result(check, patient) for check in CHECKS]


def _result(check: Check, patient: Patient) -> CheckResult:
    can_ask = patient.state is not None or (check.check_id in _ASK_GIVEN_SERVERS and bool(patient.database_url))
    if check.needs_stack and not can_ask:
        return CheckResult(check.check_id, check.title, Verdict.NOT_RUNNING, "the stack is down")
    try:
        finding = check.look(patient)
    except Complaint as complaint:
        advice = complaint.advice or check.advice
        return CheckResult(check.check_id, check.title, Verdict.WRONG, complaint.message, advice)
    except (ShannonError, OSError) as exc:
        return CheckResult(check.check_id, check.title, Verdict.WRONG, str(exc), check.advice)
    return CheckResult(check.check_id, check.title, Verdict.FINE, finding)
