"""Where a webhook may lead: nowhere inside the house. Checked when it is saved, and again with
every address its name resolves to at the moment of the call."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from loyalty.errors import WebhookInvalid

LONGEST_URL = 500
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Addresses that carry another one inside, which a gateway would unpack.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an IP address is one of the open internet: not ours, not the neighbour's, not
    the cloud's own; False for what is no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inside(address)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or address.is_private
    )


def _inside(address: ipaddress.IPv6Address) -> _Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def checked_url(text: str, *, demo: bool) -> str:
    """The address as it is kept, without its fragment.

    ``https`` only; a ``demo`` installation may also call its own machine and its neighbours, and
    these without TLS, so that it can be tried out.

    Raises:
        WebhookInvalid: facts ``problem``: ``not_an_address``, ``too_long``, ``has_password``,
            ``private_address``, ``needs_https``.
    """
    url = text.strip()
    if len(url) > LONGEST_URL:
        raise WebhookInvalid(problem="too_long")
    parts = _split(url)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise WebhookInvalid(problem="has_password")
    inner = _is_inner(host)
    if inner and not demo:
        raise WebhookInvalid(problem="private_address")
    if parts.scheme != "https" and not (demo and inner):
        raise WebhookInvalid(problem="needs_https")
    return parts._replace(fragment="").geturl()


def _split(url: str) -> SplitResult:
    fits = url.isprintable() and url.isascii() and not any(sign in url for sign in ' \\"<>^`{|}')
    try:
        parts = urlsplit(url) if fits else SplitResult("", "", "", "", "")
        port = parts.port
    except ValueError:
        raise WebhookInvalid(problem="not_an_address") from None
    host = parts.hostname or ""
    # "127.1", "0x7f000001": ways to write a number that not everybody reads the same.
    odd = host.rpartition(".")[2][:1].isdigit() and not _is_number(host)
    if parts.scheme not in ("https", "http") or not host or odd or port == 0:
        raise WebhookInvalid(problem="not_an_address")
    return parts


def _is_inner(host: str) -> bool:
    """Whether the name alone says that it is inside; the rest is seen when it is resolved."""
    name = host.rstrip(".").lower()
    if _is_number(name):
        return not is_public(name)
    return "." not in name or name.endswith((".localhost", ".local", ".internal"))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
