"""A Parquet file with image bytes, in the layout that Hugging Face's datasets write.

Images lie in a column of struct<bytes, path>, labels in another; the names of the classes only in
the schema's metadata, under the key `huggingface`. A row group may hold one row or all of them, so
rows are read in small batches, one batch after the other: what is held at a time is a batch and a
page, and a page of pyarrow's writer has up to 1,024 rows.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from cladenet.data.images.decode import readable
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.labels import IMAGES, KEYS, Fault, Fields
from cladenet.errors import MissingExtra, reason
from cladenet.plural import counted

BATCH_BYTES = 8 << 20
BUFFER = 1 << 20
PAGE_ROWS = 1024  # what pyarrow's writer puts into a page before it looks at the page's size
IMAGE_NAMES = ("image", "img", "picture", "photo", *sorted(IMAGES))


class Labels(NamedTuple):
    """Where a table has its labels.

    Args:
        column: its name.
        classes: names by number, where the metadata have them.
    """

    column: str
    classes: tuple[str, ...]


class Row(NamedTuple):
    """One image: its bytes, the path that came with it, and the label as stored."""

    image: bytes | None
    path: str
    label: Any


@contextmanager
def opened_table(path: str) -> Iterator[Any]:
    """A `pyarrow.parquet.ParquetFile` that compares the sums of pages where there are some.

    Raises:
        MissingExtra: pyarrow is not installed.
        DamagedShard: the file, or what is read of it meanwhile, is damaged.
    """
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(
            path, page_checksum_verification=True, buffer_size=BUFFER, pre_buffer=False
        ) as table:
            yield table
    except FileNotFoundError:
        raise DamagedShard(path, "does not exist") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise DamagedShard(path, f"is damaged or not a Parquet file: {_line(error)}") from error


def image_column(path: str, table: Any, fields: Fields) -> str:
    """The column that holds the images.

    Raises:
        DamagedShard: none does, or several could.
    """
    schema = table.schema_arrow
    found = _image_columns(schema, _features(path, schema))
    name = fields.image or _only(path, "image", found, schema.names)
    kind = _kind(path, schema, name)
    if not (_is_struct(kind) or _is_binary(kind)):
        raise DamagedShard(
            path,
            f"its column {readable(name)} is {kind}; expected the bytes of image files, as "
            "struct<bytes, path> or binary",
        )
    return name


def label_column(path: str, table: Any, fields: Fields) -> Labels:
    """The column that holds the labels.

    Raises:
        DamagedShard: none does, or several could, or it holds several of each image.
    """
    schema = table.schema_arrow
    features = _features(path, schema)
    name = fields.label or _only(path, "label", _label_columns(schema, features), schema.names)
    kind = _kind(path, schema, name)
    if str(kind).startswith(("list", "large_list", "fixed_size_list")):
        raise DamagedShard(
            path,
            f"its column {readable(name)} holds several labels of each image ({kind}); a "
            "classifier takes one. Name a column that holds one: label=COLUMN",
        )
    return Labels(name, tuple(map(str, features.get(name, {}).get("names") or ())))


def rows(
    table: Any, group: int, image: str, label: str | None = None, *, first: int = 0
) -> Iterator[Row]:
    """The rows of a row group from number `first` on, a batch at a time; labels where asked for."""
    metadata = table.metadata.row_group(group)
    mean = max(1, metadata.total_byte_size // max(1, metadata.num_rows))
    is_struct = _is_struct(table.schema_arrow.field(image).type)
    for batch in table.iter_batches(
        batch_size=max(1, min(PAGE_ROWS, BATCH_BYTES // mean)),
        row_groups=[group],
        columns=[image] if label is None else [image, label],
        use_threads=False,
    ):
        skipped = min(first, len(batch))
        first, batch = first - skipped, batch.slice(skipped)
        labels = None if label is None else batch.column(label)
        for number, value in enumerate(batch.column(image)):
            held = value.as_py()  # a copy: a slice would keep the whole batch
            path = (held.get("path") or "" if held else "") if is_struct else ""
            data = (held["bytes"] if held else None) if is_struct else held
            yield Row(data, path, None if labels is None else labels[number].as_py())


def image_bytes(row: Row) -> bytes:
    """The bytes of a row's image.

    Raises:
        Fault: it has none.
    """
    if row.image:
        return row.image
    if row.path:
        raise Fault(
            f"has no bytes, but the path {readable(row.path)}: the file was written without its "
            "images. Train on that folder itself, or write them in: "
            "dataset.with_format('arrow').map(datasets.table.embed_table_storage, batched=True)"
        )
    raise Fault("has no image" if row.image is None else "has an image of 0 bytes")


def class_number(value: Any, classes: tuple[str, ...]) -> Any:
    """`value`, a number of one of `classes`.

    Raises:
        Fault: there is no such class.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= len(classes) > 0:
        raise Fault(f"has the label {value}; the metadata name {counted(len(classes), 'class')}")
    return value


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("pyarrow", "shards", "reading Parquet files") from None
    return pyarrow, parquet


def _features(path: str, schema: Any) -> dict[str, Any]:
    """What Hugging Face's metadata say of the columns; empty where they were dropped."""
    text = (schema.metadata or {}).get(b"huggingface")
    if text is None:
        return {}
    try:
        features = json.loads(text)["info"]["features"]
        return {str(name): value for name, value in features.items() if isinstance(value, dict)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"has metadata of Hugging Face that cannot be read: {reason(error)}"
        raise DamagedShard(path, why) from None


def _image_columns(schema: Any, features: dict[str, Any]) -> list[str]:
    declared = [name for name in schema.names if features.get(name, {}).get("_type") == "Image"]
    structs = [name for name in schema.names if _is_struct(schema.field(name).type)]
    named = [name for name in schema.names if name.lower() in IMAGE_NAMES]
    return declared or structs or named


def _label_columns(schema: Any, features: dict[str, Any]) -> list[str]:
    declared = [n for n in schema.names if features.get(n, {}).get("_type") == "ClassLabel"]
    return declared or [n for n in schema.names if n.lower() in (*KEYS, "labels")]


def _only(path: str, what: str, found: list[str], names: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    some = f"has several columns that may be the {what}: {_all(found)}" if found else (
        f"has no column that looks like the {what}; it has {_all(names)}"
    )  # fmt: skip
    raise DamagedShard(path, f"{some}. Name it: {what}=COLUMN")


def _kind(path: str, schema: Any, name: str) -> Any:
    """The type of a column's values."""
    if name not in schema.names:
        raise DamagedShard(path, f"has no column {readable(name)}; it has {_all(schema.names)}")
    kind = schema.field(name).type
    return getattr(kind, "value_type", kind) if str(kind).startswith("dictionary") else kind


def _is_binary(kind: Any) -> bool:
    return str(kind) in ("binary", "large_binary", "binary_view")


def _is_struct(kind: Any) -> bool:
    return str(kind).startswith("struct<") and kind.get_field_index("bytes") >= 0


def _all(names: list[str]) -> str:
    return ", ".join(map(readable, names[:10])) + (" ..." if len(names) > 10 else "")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
