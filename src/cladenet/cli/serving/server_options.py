"""What commands that serve have in common."""

import argparse
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cladenet.errors import MissingExtra
from cladenet.translations import show

if TYPE_CHECKING:
    from cladenet.serve.settings import Address

PACKAGES = ("granian", "starlette", "prometheus_client", "python_multipart")


def add_address(parser: argparse.ArgumentParser, port: int) -> None:
    """`--host`, `--port` and `--token-file`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=port, metavar="N", help=f"port to listen on ({port})"
    )
    parser.add_argument("--token-file", metavar="FILE", help="file with the token in one line")


def need_packages(command: str) -> None:
    """See that all are installed.

    Raises:
        MissingExtra: one is not.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            raise MissingExtra(package, "serve", f"cladenet {command}")


def announce(what: str, address: "Address", made_up: bool) -> None:
    """Where to find it, on standard error; a token of the user's own is not printed."""
    link = f"{address.url}?token={address.token}" if made_up else address.url
    show(f"cladenet: {what} at {link}", file=sys.stderr, flush=True)
