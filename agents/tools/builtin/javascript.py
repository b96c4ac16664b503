"""Running JavaScript in the sandbox, on the session's files."""

from agents.tools.programs import ProgramTool


class JavascriptTool(ProgramTool):
    """Runs JavaScript."""

    name = "javascript"
    guest = "javascript"
    description = (
        "Run a JavaScript program (an ES module on QuickJS: import of files beside it, top-level await, timers; no "
        "network, no npm) in a sandbox. The current folder holds the files of the session's workspace: read one with "
        "std.loadFile(name), write one with std.writeFile(name, text); what it writes is kept. console.log what you "
        "want to see."
    )
    network_use = "A program that names hosts in network_hosts can read from them with fetch (GET and HEAD)."
