"""Programs that may fetch from a list of hosts: by calls outside, through the guard, and no other way."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from sandbox import services
from sandbox.errors import SandboxRequestInvalid
from sandbox.types import ExecutionRequest, ExecutionResult, Outcome, SandboxLimits
from shannon_project.foundation.outbound import fetch
from tests.integration.platform.outbound.servers import Site, site

LIMITS = SandboxLimits(wall_seconds=60, cpu_seconds=60, network_hosts=("127.0.0.1",))


@pytest.fixture
def web(settings: Settings) -> Iterator[Site]:
    """A site that the operator has named by its address."""
    with site() as server:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"127.0.0.1:{server.port}"
        yield server


def run(guest: str, code: str, *, stdin: bytes = b"", limits: SandboxLimits = LIMITS) -> ExecutionResult:
    return services.execute(ExecutionRequest(guest, code, stdin=stdin, limits=limits), fetch=fetch)


def test_python_fetches_by_its_standard_library(web: Site) -> None:
    code = f"""
import urllib.request
print("before", end=" ")
asked = urllib.request.Request("http://127.0.0.1:{web.port}/page", headers={{"X-Own": "1"}})
with urllib.request.urlopen(asked) as page:
    print(page.status, page.headers["content-type"], page.url, "Grüße" in page.read().decode("latin-1"))
print(input())
"""
    result = run("python", code, stdin=b"its own input\n")
    assert result.outcome is Outcome.OK, result.stderr
    assert result.stdout.startswith("before 200 text/html")
    assert result.stdout.endswith("True\nits own input\n")
    (_, path, headers, _) = web.seen[0]
    assert (path, headers["x-own"]) == ("/page", "1")


def test_javascript_fetches_as_elsewhere(web: Site) -> None:
    code = f"""
const page = await fetch("http://127.0.0.1:{web.port}/page");
console.log(page.ok, page.status, page.headers.get("Content-Type").startsWith("text/html"));
console.log((await page.bytes()).length > 0, (await page.text()).length > 0);
"""
    result = run("javascript", code)
    assert (result.outcome, result.stdout) == (Outcome.OK, "true 200 true\ntrue true\n"), result.stderr


def test_many_fetches_come_in_order_between_what_is_printed(web: Site) -> None:
    code = f"""
import sys, urllib.request
for n in range(20):
    sys.stdout.write(f"{{n}} ")
    urllib.request.urlopen("http://127.0.0.1:{web.port}/page").read()
"""
    assert run("python", code).stdout == "".join(f"{n} " for n in range(20))
    assert len(web.seen) == 20


@pytest.mark.parametrize(
    ("guest", "code"),
    [
        ("python", "import urllib.request; urllib.request.urlopen('URL')"),
        ("javascript", "await fetch('URL')"),
    ],
)
@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://example.org/", "http://localhost:PORT/", "file:///x"]
)
def test_only_named_hosts_are_reached_and_the_program_is_told(web: Site, guest: str, code: str, url: str) -> None:
    result = run(guest, code.replace("URL", url.replace("PORT", str(web.port))))
    assert result.outcome is Outcome.FAILED
    assert "HTTP_REFUSED" in result.stderr or "unknown url type" in result.stderr
    assert web.seen == []


def test_a_redirect_leads_to_no_other_host(web: Site) -> None:
    web.redirect_to = f"http://localhost:{web.port}/page"
    code = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{web.port}/redirect')"
    result = run("python", code)
    assert "HTTP_REFUSED" in result.stderr
    assert [path for _, path, _, _ in web.seen] == ["/redirect"]


def test_a_program_may_name_more_than_the_guard_lets_out(web: Site, settings: Settings) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = ""
    settings.SHANNON_HTTP_PORTS = str(web.port)
    result = run("python", f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{web.port}/page')")
    assert "private or special network" in result.stderr
    assert web.seen == []


@pytest.mark.parametrize(
    ("guest", "code"),
    [
        ("python", "import urllib.request as u; u.urlopen(u.Request('URL', data=b'x'))"),
        ("python", "import urllib.request as u; u.urlopen(u.Request('URL', method='DELETE'))"),
        ("javascript", "await fetch('URL', {method: 'post'})"),
    ],
)
def test_programs_only_read_since_they_may_be_run_again(web: Site, guest: str, code: str) -> None:
    result = run(guest, code.replace("URL", f"http://127.0.0.1:{web.port}/page"))
    assert "may only GET and HEAD" in result.stderr
    assert web.seen == []


def test_other_ways_out_stay_closed(web: Site) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {web.port}))"
    assert run("python", code).outcome is Outcome.FAILED
    assert web.seen == []


def test_a_fetch_that_never_ends_ends_with_the_program(web: Site) -> None:
    code = f"""
import urllib.request
try: urllib.request.urlopen("http://127.0.0.1:{web.port}/drip")
except OSError: pass
while True: pass
"""
    assert run("python", code, limits=replace(LIMITS, wall_seconds=1.0)).outcome is Outcome.TIMEOUT
    assert run("python", "print('next')").stdout == "next\n"


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.write(1, MARK + b'no call\\n')",
        'import os; os.write(1, MARK + b\'["fetch", {"url": "http://127.0.0.1:1/"}]\\n\')',
        "import os; os.write(1, MARK + b'x' * 100_000 + b'\\n'); print('on')",
        "import os; os.write(1, MARK)",
    ],
)
def test_a_program_that_speaks_the_protocol_itself_hurts_only_itself(web: Site, code: str) -> None:
    mark = (
        "import sys, gc\nMARK = next(c.cell_contents for o in gc.get_objects() if type(o).__name__ == 'function' "
        "and o.__name__ == 'call' and o.__closure__ for c in o.__closure__ "
        "if isinstance(c.cell_contents, str)).encode()\n"
    )
    result = run("python", mark + code)
    assert result.outcome is Outcome.OK, result.stderr
    assert run("python", "print('next')").stdout == "next\n"
    assert web.seen == []


def test_a_run_without_hosts_has_no_way_out_at_all(web: Site) -> None:
    code = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{web.port}/page')"
    assert run("python", code, limits=replace(LIMITS, network_hosts=())).outcome is Outcome.FAILED
    assert (
        run("javascript", "await fetch('http://127.0.0.1/')", limits=replace(LIMITS, network_hosts=())).exit_code == 1
    )
    assert web.seen == []


def test_hosts_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(SandboxRequestInvalid, match="nobody fetches"):
        services.execute(ExecutionRequest("python", "", limits=LIMITS))
    with pytest.raises(SandboxRequestInvalid, match="stdin"):
        run("javascript", "", stdin=b"x")
    for hosts in (["http://a"], ["A"], ["a:80"], [""], ["*"], ["a"] * 33):
        with pytest.raises(ValueError, match="network_hosts"):
            SandboxLimits(network_hosts=tuple(hosts))
