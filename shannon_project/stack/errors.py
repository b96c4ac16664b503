"""Errors of the local stack; each message says what to do."""

from shannon_project.foundation.errors import ShannonError


class StackError(ShannonError):
    """The local stack cannot do this."""

    code = "STACK"
    http_status = 503


class ServersHalfGiven(StackError):
    """Only one of DATABASE_URL and REDIS_URL is set: set both to use servers of yours, or none to have them started."""

    code = "SERVERS_HALF_GIVEN"


class ServerUnsuitable(StackError):
    """A server that was given does not have what the platform needs."""

    code = "SERVER_UNSUITABLE"


class StackNotHealthy(StackError):
    """A part of the stack did not come up."""

    code = "STACK_NOT_HEALTHY"


class StackNotRunning(StackError):
    """The stack is not running: `make up` starts it."""

    code = "STACK_NOT_RUNNING"


class PreparationFailed(StackError):
    """The database could not be migrated or seeded."""

    code = "PREPARATION_FAILED"
