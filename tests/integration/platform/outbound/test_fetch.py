"""Fetching through the guard, from real servers on this machine."""

from collections.abc import Iterator
from typing import Any

import pytest

from shannon_project.foundation.outbound import (
    OutboundFailed,
    OutboundRefused,
    OutboundTimeout,
    OutboundTooLarge,
    fetch,
)
from tests.integration.platform.outbound.servers import Site, name_server, site


@pytest.fixture
def web(settings: Any) -> Iterator[Site]:
    """A site that the operator has named by its address."""
    with site() as server:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"127.0.0.1:{server.port}"
        yield server


def url_of(server: Site, path: str = "/", host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.port}{path}"


def test_a_page_is_fetched_with_its_charset(web: Site) -> None:
    response = fetch(url_of(web, "/page"))
    assert (response.status, response.media_type) == (200, "text/html")
    assert "Grüße" in response.text
    (_, path, headers, _) = web.seen[0]
    assert path == "/page"
    assert headers["host"] == f"127.0.0.1:{web.port}"


def test_a_private_address_that_nobody_named_is_not_reached(web: Site, settings: Any) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = ""
    settings.SHANNON_HTTP_PORTS = str(web.port)
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]", "[::1]"):
        with pytest.raises(OutboundRefused):
            fetch(url_of(web, host=host))
    assert web.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "http://[::1]:80/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "//169.254.169.254/",
    ],
)
def test_a_redirect_inside_is_refused(web: Site, target: str) -> None:
    web.redirect_to = target
    with pytest.raises(OutboundRefused):
        fetch(url_of(web, "/redirect"))
    assert len(web.seen) == 1


def test_credentials_do_not_follow_a_redirect_to_another_origin(web: Site, settings: Any) -> None:
    with site() as other:
        settings.SHANNON_HTTP_ENDPOINTS_ALLOWED += f",127.0.0.1:{other.port}"
        web.redirect_to = url_of(other, "/landed")
        secrets = {"Authorization": "Bearer secret", "Cookie": "a=b", "X-Kept": "yes"}
        response = fetch(url_of(web, "/redirect"), headers=secrets, method="POST", body=b"data")
        method, path, headers, body = other.seen[0]
    assert response.redirects == (response.url,)
    assert (method, path, body) == ("GET", "/landed", b"")
    assert web.seen[0][2]["authorization"] == "Bearer secret"
    assert headers["x-kept"] == "yes"
    assert not {"authorization", "cookie", "content-length"} & headers.keys()


def test_a_loop_of_redirects_ends(web: Site, settings: Any) -> None:
    with pytest.raises(OutboundFailed, match="redirected more than"):
        fetch(url_of(web, "/loop"))
    assert len(web.seen) == settings.SHANNON_HTTP_MAX_REDIRECTS + 1


@pytest.mark.parametrize("path", ["/big", "/bomb"])
def test_no_more_is_read_than_may_be(web: Site, path: str) -> None:
    with pytest.raises(OutboundTooLarge) as refused:
        fetch(url_of(web, path), max_bytes=100_000)
    assert refused.value.details["max_bytes"] == 100_000


def test_the_time_is_for_all_of_it_even_when_bytes_drip_in(web: Site) -> None:
    with pytest.raises(OutboundTimeout):
        fetch(url_of(web, "/drip"), timeout_seconds=0.4)


def test_a_closed_port_is_a_failure_that_names_the_host(web: Site, settings: Any) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = "127.0.0.1:1"
    with pytest.raises(OutboundFailed, match=r"127\.0\.0\.1 could not be reached"):
        fetch("http://127.0.0.1:1/")


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(settings: Any) -> None:
    settings.SHANNON_HTTP_NETWORKS_ALLOWED = "127.0.0.2/32"
    with site("127.0.0.2") as web, name_server({"rebind.example": ["127.0.0.2", "127.0.0.1"]}) as names:
        settings.SHANNON_HTTP_PORTS = str(web.port)
        settings.SHANNON_HTTP_DNS_SERVERS = names.address
        assert fetch(url_of(web, host="rebind.example")).status == 200  # what was checked is what was connected to
        assert names.asked == ["rebind.example"]
        with pytest.raises(OutboundRefused):  # the second connection asks again and sees the other answer
            fetch(url_of(web, host="rebind.example"))
        assert len(web.seen) == 1


def test_a_redirect_to_the_same_name_is_checked_again(settings: Any) -> None:
    settings.SHANNON_HTTP_NETWORKS_ALLOWED = "127.0.0.2/32"
    with site("127.0.0.2") as web, name_server({"rebind.example": ["127.0.0.2", "127.0.0.1"]}) as names:
        settings.SHANNON_HTTP_PORTS = str(web.port)
        settings.SHANNON_HTTP_DNS_SERVERS = names.address
        web.redirect_to = "/page"
        with pytest.raises(OutboundRefused):
            fetch(url_of(web, "/redirect", host="rebind.example"))
        assert [path for _, path, *_ in web.seen] == ["/redirect"]


def test_one_private_address_among_others_refuses_the_name(settings: Any) -> None:
    settings.SHANNON_HTTP_NETWORKS_ALLOWED = "127.0.0.2/32"
    with site("127.0.0.2") as web, name_server({"mixed.example": ["127.0.0.2 127.0.0.1"]}) as names:
        settings.SHANNON_HTTP_PORTS = str(web.port)
        settings.SHANNON_HTTP_DNS_SERVERS = names.address
        with pytest.raises(OutboundRefused):
            fetch(url_of(web, host="mixed.example"))
        assert web.seen == []


def test_a_named_endpoint_keeps_its_host_name(web: Site, settings: Any) -> None:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = f"wiki.internal:{web.port}"
    with name_server({"wiki.internal": ["127.0.0.1"]}) as names:
        settings.SHANNON_HTTP_DNS_SERVERS = names.address
        assert fetch(url_of(web, host="wiki.internal")).status == 200
    assert web.seen[0][2]["host"] == f"wiki.internal:{web.port}"


def test_a_name_without_an_address_is_a_failure(web: Site, settings: Any) -> None:
    with name_server({}) as names:
        settings.SHANNON_HTTP_DNS_SERVERS = names.address
        with pytest.raises(OutboundFailed, match="has no address"):
            fetch("http://nowhere.example/")
