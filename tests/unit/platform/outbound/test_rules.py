"""Which URLs and addresses the guard lets out."""

from ipaddress import ip_address

import pytest

from shannon_project.foundation.outbound.errors import OutboundRefused
from shannon_project.foundation.outbound.rules import OutboundRules, is_public


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:db8::1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http://",
        "http:///path",
        "http://user@example.org/",
        "http://user:secret@example.org/",
        "http://example.org:22/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://example.org/" + "x" * 5000,
    ],
)
def test_urls_that_are_not_asked_for(url: str) -> None:
    with pytest.raises(OutboundRefused):
        OutboundRules().url_check(url)


def test_a_url_gives_its_host_and_port() -> None:
    rules = OutboundRules()
    assert rules.url_check("https://Example.ORG./a") == ("example.org", 443)
    assert rules.url_check("http://example.org") == ("example.org", 80)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(OutboundRefused) as refused:
        OutboundRules().url_check("http://user:secret@example.org/")
    assert "secret" not in str(refused.value.as_json())


def test_denied_hosts_take_their_subdomains_along_and_no_others() -> None:
    rules = OutboundRules(hosts_denied=frozenset({"bad.example"}))
    for host in ("bad.example", "www.bad.example", "BAD.example."):
        with pytest.raises(OutboundRefused):
            rules.url_check(f"http://{host}/")
    assert rules.url_check("http://notbad.example/") == ("notbad.example", 80)


def test_allowed_hosts_alone_may_be_reached() -> None:
    rules = OutboundRules(hosts_allowed=frozenset({"good.example"}))
    assert rules.url_check("http://api.good.example/")[0] == "api.good.example"
    with pytest.raises(OutboundRefused, match=r"only good\.example"):
        rules.url_check("http://other.example/")


def test_a_named_endpoint_is_reached_although_private_and_on_another_port() -> None:
    rules = OutboundRules(endpoints_allowed=frozenset({"127.0.0.1:9000"}))
    assert rules.url_check("http://127.0.0.1:9000/x") == ("127.0.0.1", 9000)
    rules.address_check("127.0.0.1", 9000, "127.0.0.1")
    with pytest.raises(OutboundRefused):
        rules.url_check("http://127.0.0.1:9001/x")


def test_a_refused_address_is_not_told() -> None:
    with pytest.raises(OutboundRefused) as refused:
        OutboundRules().address_check("intranet.example", 80, "10.20.30.40")
    assert "10.20.30.40" not in str(refused.value.as_json())
