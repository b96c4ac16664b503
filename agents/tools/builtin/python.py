"""Running Python in the sandbox, on the session's files."""

from agents.tools.programs import ProgramTool


class PythonTool(ProgramTool):
    """Runs Python."""

    name = "python"
    guest = "python"
    description = (
        "Run a Python 3 program (standard library only, no network) in a sandbox. The current folder holds the "
        "files of the session's workspace; files that the program writes there are kept. Print what you want to see."
    )
    network_use = "A program that names hosts in network_hosts can read from them with urllib.request (GET and HEAD)."
