"""What a server may take and do: address, token, and a bound for everything that could grow."""

import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cladenet.errors import BadArgument
from cladenet.plural import counted

LOCAL = "127.0.0.1"
TOKEN = "CLADENET_TOKEN"  # noqa: S105 (a variable's name)
SHORTEST_TOKEN = 16
OPTIONS = {  # of `Limits`, as `cladenet serve` calls them
    "body_bytes": "max-body",
    "queue": "queue",
    "batch": "batch",
    "answer_seconds": "timeout",
}


@dataclass(frozen=True)
class Limits:
    """Bounds of a server.

    Args:
        body_bytes: of one request.
        all_bodies: bytes of all bodies that are being read or answered.
        images: of one request.
        queue: images that wait or are worked on; more are answered with 503.
        batch: images of one forward pass.
        first_seconds: that a client has for its headers, and at first for its body.
        least_rate: bytes a second at which a longer body has to come.
        answer_seconds: after which a request is answered with 504.
        connections: at once; others wait to be accepted.
    """

    body_bytes: int = 10_000_000
    all_bodies: int = 256_000_000
    images: int = 64
    queue: int = 128
    batch: int = 8
    first_seconds: float = 10.0
    least_rate: float = 16_384.0
    answer_seconds: float = 30.0
    connections: int = 10_000

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            if not getattr(self, name) > 0:
                raise BadArgument(f"{option} is {getattr(self, name)}; expected more than 0")


@dataclass(frozen=True)
class Address:
    """Where a server listens, and who may ask.

    Args:
        host: an address of this machine.
        port: 1 to 65535.
        token: that a request has to bring; empty: none, for local addresses alone.
    """

    host: str = LOCAL
    port: int = 8000
    token: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise BadArgument(f"port is {self.port}; expected 1 to 65535")
        if self.token and not (self.token.isascii() and self.token.isprintable()):
            raise BadArgument("the token has letters that a header cannot carry; use ASCII")
        if self.token and len(self.token) < SHORTEST_TOKEN:
            raise BadArgument(
                f"the token has {counted(len(self.token), 'letter')}; expected "
                f"{SHORTEST_TOKEN} or more, "
                "such as `openssl rand -hex 16` prints"
            )

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        everywhere = self.host in ("0.0.0.0", "::")  # noqa: S104
        return f"http://{'localhost' if everywhere else host}:{self.port}/"


def is_local(host: str) -> bool:
    """Can this address be reached from this machine alone?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guarded(host: str, port: int, token_file: str | None) -> tuple[Address, bool]:
    """The address with its token, and whether the token was made up now.

    A token is read from `token_file`, else from the variable CLADENET_TOKEN: the words of a command
    are seen by everybody on the machine. An address that others can reach has one in any case.

    Raises:
        BadArgument: the file cannot be read, or the token or the port cannot be used.
    """
    token = os.environ.get(TOKEN, "")
    if token_file is not None:
        try:
            token = Path(token_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            raise BadArgument(
                f"the token cannot be read from {token_file}: {error}; expected a file with one "
                "line of ASCII"
            ) from error
        if not token:
            raise BadArgument(f"{token_file} is empty; expected a line with the token")
    if token or is_local(host):
        return Address(host, port, token), False
    return Address(host, port, secrets.token_urlsafe(24)), True
