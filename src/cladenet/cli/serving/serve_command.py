"""`cladenet serve RUN...`: an HTTP API and a page."""

import argparse
from functools import partial

from cladenet.cli.engine_options import add_calibration, add_image_limits
from cladenet.cli.serving.server_options import add_address, announce, need_packages

EPILOG = (
    "POST an image to /predict (the body itself, files of a multipart form, or base64 in JSON); "
    "open / in a browser. /models, /health, /ready, /metrics and /openapi.json tell about the "
    "server. A run whose best checkpoint changes is taken up without a pause. An address that "
    "others can reach needs a token: one is made up and printed, or read from --token-file or the "
    "variable CLADENET_TOKEN."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = EPILOG
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folder or exported file")
    add_address(parser, 8000)
    parser.add_argument(
        "--budget",
        metavar="B",
        help="for networks with several exits, where a request names none: the last answer within "
        "20M multiply-accumulates or 5ms per image; kept: images leave by the thresholds that "
        "`evaluate --budget` kept",
    )
    parser.add_argument(
        "--cascade",
        action="store_true",
        help="the runs are one network, the smallest first: each is asked about the images that "
        "those before it are not sure of, by the thresholds of `evaluate --cascade`",
    )
    parser.add_argument("--precision", help="fp32 (default), bf16 or int8")
    add_calibration(parser)
    parser.add_argument("--device", help="auto (default), cpu, cuda, cuda:N or mps")
    parser.add_argument("--engine", metavar="NAME", help="packed (default), or as for `predict`")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="threads of one batch (1); see docs/serving.md",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that decode and compute (one per core, where they can); 0: threads do",
    )
    parser.add_argument(
        "--batch", type=int, default=8, metavar="N", help="images in a batch, at most (8)"
    )
    parser.add_argument(
        "--queue", type=int, default=128, metavar="N", help="images that may wait (128)"
    )
    parser.add_argument(
        "--max-body", type=float, default=10, metavar="MB", help="largest request, in MB (10)"
    )
    parser.add_argument(
        "--timeout", type=float, default=30, metavar="S", help="seconds for an answer (30)"
    )
    parser.add_argument(
        "--fit", metavar="FIT", help="stretch or crop, for images of another size than in training"
    )
    add_image_limits(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    need_packages("serve")
    from cladenet.device import check_precision
    from cladenet.serve.models.opening import ServeOptions
    from cladenet.serve.settings import Limits, guarded
    from cladenet.serve.start import serve
    from cladenet.threads import check_threads

    check_threads(arguments.threads)
    check_precision(arguments.precision or "fp32", (arguments.device or "cpu").partition(":")[0])
    address, made_up = guarded(arguments.host, arguments.port, arguments.token_file)
    limits = Limits(
        body_bytes=int(1e6 * arguments.max_body),
        queue=arguments.queue,
        batch=arguments.batch,
        answer_seconds=arguments.timeout,
    )
    names = ("precision", "calibration", "device", "engine", "fit", "max_megapixels", "white_level")
    chosen = {name: getattr(arguments, name) for name in names}
    options = ServeOptions(
        arguments.budget,
        arguments.threads,
        arguments.batch,
        {name: value for name, value in chosen.items() if value is not None},
    )
    announced = partial(announce, made_up=made_up)
    return serve(
        arguments.runs, address, limits, options, announced, arguments.cascade, arguments.workers
    )
