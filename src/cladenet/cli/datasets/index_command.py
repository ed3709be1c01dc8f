"""`cladenet index PATTERN`: read shards once, and keep what is in them beside them."""

import argparse

from cladenet.cli.engine_options import note
from cladenet.data.images.decode import readable
from cladenet.data.sources.index_shards import index_shards
from cladenet.errors import DataError
from cladenet.plural import counted
from cladenet.runs.train.display import indexing
from cladenet.translations import show

DESCRIPTION = """
An index holds where each image lies, its sum, label and size, and whether it decodes. With it
training starts at once, and damage to a shard is found when the image is read. It is written to
cladenet-index/ beside the shards, or to the cache where that cannot be.
"""
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.epilog = DESCRIPTION
    parser.add_argument(
        "shards",
        metavar="PATTERN",
        help="wds:PATTERN, parquet:PATTERN, or a pattern alone",
    )
    parser.add_argument(
        "--again", action="store_true", help="read shards that have an index, too, and replace it"
    )
    parser.add_argument("--quiet", action="store_true", help="print only the result")


def run(arguments: argparse.Namespace) -> int:
    """Write the indexes and print what the shards hold; 3 if some image does not decode."""
    with indexing(quiet=arguments.quiet) as on_bytes:
        done = index_shards(arguments.shards, again=arguments.again, on_bytes=on_bytes)
    dataset = done.dataset
    splits = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits().items())
    show(f"{counted(done.shards, 'shard')}, {done.read:,} of them read: {splits}; "
          f"{counted(len(dataset.classes), 'class')}")  # fmt: skip
    for folder in done.folders:
        show(f"index: {readable(folder)}")
    for sentence in (*done.notes, *dataset.notes):
        note(sentence)
    for name, reason in done.unreadable[:SHOWN]:
        note(f"{name}: {reason}")
    if done.unreadable:
        raise DataError(
            f"{counted(len(done.unreadable), 'image')} cannot be read; leave them out with "
            "on_unreadable=skip"
        )
    return 0
