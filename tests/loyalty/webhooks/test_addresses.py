"""Where a webhook may lead, and what signs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loyalty import clock, webhooks
from loyalty.errors import WebhookInvalid
from loyalty.tokens import Keys
from loyalty.webhooks.addresses import checked_url

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:db8::1",
    "no address",
    "",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_inside(address: str) -> None:
    assert not webhooks.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_outside(address: str) -> None:
    assert webhooks.is_public(address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://shop.example/hook", "needs_https"),
        ("ftp://shop.example/hook", "not_an_address"),
        ("file:///etc/passwd", "not_an_address"),
        ("https://", "not_an_address"),
        ("shop.example/hook", "not_an_address"),
        ("https://shop.example:0/", "not_an_address"),
        ("https://shop.example:99999/", "not_an_address"),
        ("https://shop.example/a b", "not_an_address"),
        ("https://shop.example\\@127.0.0.1/", "not_an_address"),
        ("https://shop.example/\r\nX-Evil: 1", "not_an_address"),
        ("https://127.1/", "not_an_address"),
        ("https://2130706433/", "not_an_address"),
        ("https://0x7f000001/", "not_an_address"),
        ("https://магазин.рф/", "not_an_address"),
        ("https://user:secret@shop.example/", "has_password"),
        ("https://localhost/", "private_address"),
        ("https://LOCALHOST./", "private_address"),
        ("https://db/", "private_address"),
        ("https://printer.local/", "private_address"),
        ("https://metadata.google.internal/", "private_address"),
        ("https://169.254.169.254/latest", "private_address"),
        ("https://[::1]:8443/", "private_address"),
        ("https://[::ffff:10.0.0.1]/", "private_address"),
        ("https://shop.example/" + "x" * 500, "too_long"),
    ],
)
def test_refused_addresses(url: str, problem: str) -> None:
    with pytest.raises(WebhookInvalid) as refused:
        checked_url(url, demo=False)
    assert refused.value.facts == {"problem": problem}


def test_taken_addresses() -> None:
    assert checked_url(" https://shop.example/hook?a=1#part ", demo=False) == (
        "https://shop.example/hook?a=1"
    )
    assert checked_url("https://8.8.8.8:8443/h", demo=False) == "https://8.8.8.8:8443/h"
    assert checked_url("https://xn--80aaljpfhhs.xn--p1ai/", demo=False).startswith("https://xn--")


def test_a_demo_may_call_its_own_machine_without_tls() -> None:
    assert checked_url("http://127.0.0.1:9000/h", demo=True) == "http://127.0.0.1:9000/h"
    with pytest.raises(WebhookInvalid):
        checked_url("http://shop.example/h", demo=True)


def test_secrets_differ_by_endpoint_rotation_and_key() -> None:
    keys, others = Keys("a" * 40), Keys("b" * 40)
    secrets = {
        webhooks.secret_of(keys, webhook_id=1, number=1),
        webhooks.secret_of(keys, webhook_id=1, number=2),
        webhooks.secret_of(keys, webhook_id=2, number=1),
        webhooks.secret_of(others, webhook_id=1, number=1),
    }
    assert len(secrets) == 4
    assert all(secret.startswith("whsec_") and len(secret) == 49 for secret in secrets)
    assert webhooks.secret_of(keys, webhook_id=1, number=1) in secrets


def test_a_signature_is_of_the_body_the_moment_and_the_secret() -> None:
    header = webhooks.signature("whsec_x", body=b'{"id":"1"}', at=1_700_000_000)
    # As `printf '1700000000.{"id":"1"}' | openssl dgst -sha256 -hmac whsec_x` has it.
    expected = "2a4c358c007b6b48ca32f3ede65847ce076037deee0c16a6c4538015532d62c1"
    assert header == f"t=1700000000,v1={expected}"

    def genuine(body: bytes = b'{"id":"1"}', secret: str = "whsec_x", now: int = 0) -> bool:
        return webhooks.is_genuine(secret, body=body, header=header, now=1_700_000_000 + now)

    assert genuine()
    assert genuine(now=299)
    assert not genuine(now=301)
    assert not genuine(body=b'{"id":"2"}')
    assert not genuine(secret="whsec_y")
    for broken in ("", "t=,v1=", "v1=abc", "t=1e9,v1=", "t=99999999999999999999,v1=é"):
        assert not webhooks.is_genuine("whsec_x", body=b"", header=broken, now=1_700_000_000)


def test_the_guides_example_knows_our_calls() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "integrator.md").read_text()
    example = guide.partition("```python\n")[2].partition("```")[0]
    known: dict[str, Any] = {}
    exec(example, known)
    now, body = int(clock.real_now().timestamp()), '{"id":"1","name":"ё"}'.encode()
    header = webhooks.signature("whsec_x", body=body, at=now)
    assert known["is_genuine"]("whsec_x", body, header)
    assert not known["is_genuine"]("whsec_y", body, header)
    old = webhooks.signature("whsec_x", body=body, at=now - 301)
    assert not known["is_genuine"]("whsec_x", body, old)
