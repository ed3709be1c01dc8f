"""`cladenet watch [RUNS]`: the curves of runs while they are trained, in a browser."""

import argparse

from cladenet.cli.serving.server_options import add_address, announce, need_packages

EPILOG = (
    "Runs are found in the folders and below them, also those that begin later. The page draws "
    "their curves as they grow, lays several over each other, opens reports, and stops a training "
    "of this machine with a checkpoint. It needs no connection to anywhere else."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("runs", metavar="RUNS", nargs="*", help="folders of runs (runs)")
    add_address(parser, 8001)


def run(arguments: argparse.Namespace) -> int:
    """Watch until SIGTERM or SIGINT."""
    need_packages("watch")
    from cladenet.serve.server import Server, refuse_taken
    from cladenet.serve.server import run as run_server
    from cladenet.serve.settings import Limits, guarded
    from cladenet.serve.watching.app import application
    from cladenet.serve.watching.runs import Runs

    address, made_up = guarded(arguments.host, arguments.port, arguments.token_file)
    runs = Runs(arguments.runs or ["runs"])
    refuse_taken(address)
    server = Server(address, Limits())
    announce("the curves are", address, made_up)
    return run_server(server, lambda: application(runs, address, server.stopping.is_set))
