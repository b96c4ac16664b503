"""What can go wrong around a run. What goes wrong inside one is an `Outcome`."""

from shannon_project.foundation.errors import InvalidInput, NotFound, ShannonError, Unavailable


class SandboxRequestInvalid(InvalidInput):
    """The sandbox cannot run such a request."""

    code = "SANDBOX_REQUEST_INVALID"


class ProgramDiverged(InvalidInput):
    """The program, run again with the same answers, asked for something else: it depends on time, chance or order."""

    code = "PROGRAM_DIVERGED"


class SandboxBusy(Unavailable):
    """Every sandbox host is busy and stayed so for as long as the request was ready to wait."""

    code = "SANDBOX_BUSY"


class SandboxUnavailable(Unavailable):
    """No sandbox host can be started."""

    code = "SANDBOX_UNAVAILABLE"


class ModuleInvalid(InvalidInput):
    """The module cannot be kept."""

    code = "MODULE_INVALID"


class ModuleTooLarge(ShannonError):
    """The module is too large, or one too many."""

    code = "MODULE_TOO_LARGE"
    http_status = 413


class ModuleNotFound(NotFound):
    """The tenant has no such module."""

    code = "MODULE_NOT_FOUND"


class WorkspacePathInvalid(InvalidInput):
    """The path does not stay inside the workspace."""

    code = "WORKSPACE_PATH_INVALID"


class WorkspaceFileMissing(NotFound):
    """The workspace has no such file."""

    code = "WORKSPACE_FILE_MISSING"


class WorkspaceEditInvalid(InvalidInput):
    """The file is no text, or its text is not what the edit takes it for."""

    code = "WORKSPACE_EDIT_INVALID"


class WorkspaceUnavailable(Unavailable):
    """The object store of the workspaces does not answer, or does not do what it is asked."""

    code = "WORKSPACE_UNAVAILABLE"


class WorkspaceQuotaExceeded(ShannonError):
    """The workspace would hold more than it may."""

    code = "WORKSPACE_QUOTA_EXCEEDED"
    http_status = 413
