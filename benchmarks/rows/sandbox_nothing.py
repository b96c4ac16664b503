"""A runtime that does nothing: what a call of it takes is what supervisor, pipes and frames take."""

from sandbox.runtimes.fake import FakeRuntime


class NothingRuntime(FakeRuntime):
    """The fake, in a host of its own."""

    name = "nothing"
    needs_host = True
