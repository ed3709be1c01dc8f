"""The index of webdataset's `wids`: which shards there are, how many samples, which sums.

A JSON object with `__kind__` "wids-shard-index-v1" and `shardlist`, of which each entry has `url`
and `nsamples`, and may have `md5sum` and `filesize` (webdataset 0.2, wids/wids_specs.py).
"""

import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument, DataError, reason


class Listed(NamedTuple):
    """A shard and what a list has about it; nothing where it is None or empty.

    Args:
        path: absolute.
        samples: how many it holds.
        size: of the file, in bytes.
        md5: of the file, in hex.
    """

    path: str
    samples: int | None = None
    size: int | None = None
    md5: str = ""


def read_wids(path: str) -> Iterator[Listed]:
    """The shards that an index lists; their paths are relative to its folder.

    Raises:
        DataError: it is no such index.
        BadArgument: a shard is a URL.
    """
    try:
        with open(path, "rb") as file:
            content = json.load(file)
        base = content.get("base_path", "")
        for entry in content["shardlist"]:
            url = str(entry["url"]).removeprefix("file:")
            if "://" in url:
                raise BadArgument(f"{readable(path)} lists the URL {readable(url)}; expected files")
            yield Listed(
                os.path.normpath(os.path.join(os.path.dirname(path), base, url)),
                int(entry["nsamples"]),
                int(entry["filesize"]) if "filesize" in entry else None,
                str(entry.get("md5sum", "")),
            )
    except OSError as error:
        raise DataError(f"{readable(path)} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{readable(path)} is not an index of wids ({reason(error)}); expected "
            "a JSON object whose shardlist has url and nsamples of each shard"
        ) from None
