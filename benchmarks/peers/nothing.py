"""A runtime that does nothing: a call of it takes what supervisor, pipes and frames take. Loads no Django."""

from sandbox.runtimes.fake import FakeRuntime


class NothingRuntime(FakeRuntime):
    """The fake, in a host of its own."""

    name = "nothing"
    needs_host = True
