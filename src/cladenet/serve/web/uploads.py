"""The images that a request carries: one as the body itself, several as a form or in JSON."""

import base64
import binascii
import json
from typing import Any, NamedTuple

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header

from cladenet.data.images.kinds import HEAD, kind_of
from cladenet.plural import counted
from cladenet.serve.models.decoding import why_no_image
from cladenet.serve.web.problems import Problem

BY_CURL = "application/x-www-form-urlencoded"  # its name for any body
RAW = ("application/octet-stream", BY_CURL, "")
SCHEMES = ("http:", "https:", "file:", "ftp:", "s3:", "gs:", "//")
HOW = (
    "send the bytes of one image as the body, several as the files of a multipart form, or JSON "
    '{"images": ["BASE64", ...]}'
)

WITH_CURL = "with curl, send a file by --data-binary @FILE; -d takes its line breaks out"


class Upload(NamedTuple):
    """One image of a request: its name, for the answer alone, and the bytes of its file."""

    name: str
    data: bytes


def uploads(content_type: str, body: bytes, most: int) -> list[Upload]:
    """The images of a body, at most `most`.

    Raises:
        Problem: there are none or too many (400), or the body is of another kind (415).
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        found = _of_form(content_type, body, most)
    elif kind == "application/json":
        found = _of_json(body)
    elif kind in RAW or kind.startswith("image/"):
        if not body:
            raise Problem(400, "the body is empty", HOW)
        if kind == BY_CURL and kind_of(body[:HEAD]) is None:
            raise Problem(415, f"the body {why_no_image(body)}", WITH_CURL)
        found = [Upload("image", body)]
    else:
        raise Problem(415, f"a body of type {kind[:60]!r} is not read", HOW)
    if not found:
        raise Problem(400, "the request has no image", HOW)
    if len(found) > most:
        raise Problem(
            400, f"the request has {counted(len(found), 'image')}", f"send {most} at most"
        )
    return found


def _of_json(body: bytes) -> list[Upload]:
    try:
        given: Any = json.loads(body)
    except RecursionError:
        raise Problem(400, "the JSON has too many lists in lists", HOW) from None
    except ValueError as error:
        raise Problem(400, f"the JSON cannot be read: {str(error)[:80]}", HOW) from None
    texts = given.get("images") if isinstance(given, dict) else None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Problem(400, 'the JSON has no list of texts called "images"', HOW)
    return [Upload(f"images[{n}]", _decoded(text, n)) for n, text in enumerate(texts)]


def _decoded(text: str, number: int) -> bytes:
    if text.lstrip().lower().startswith(SCHEMES):
        raise Problem(
            400,
            f"images[{number}] is an address; this server opens none",
            "send the bytes of the image in base64",
        )
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(400, f"images[{number}] is not base64: {error}", HOW) from None


def _of_form(content_type: str, body: bytes, most: int) -> list[Upload]:
    """Its files; other fields are left aside."""
    _, options = parse_options_header(content_type)
    if not (boundary := options.get(b"boundary")):
        raise Problem(400, "the multipart form has no boundary", HOW)
    found: list[Upload] = []

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        name = (file.file_name or b"").decode("utf-8", "replace")
        found.append(Upload(name or f"file[{len(found)}]", file.file_object.read()))
        file.close()

    def on_field(_: Field) -> None:
        pass

    # The whole body is in memory already and bounded: nothing is written to a disk.
    settings = {"MAX_MEMORY_FILE_SIZE": len(body) + 1, "MAX_FIELDS": 2 * most + 2}
    try:
        parser = FormParser(
            "multipart/form-data", on_field, on_file, boundary=boundary, config=settings
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Problem(400, f"the multipart form cannot be read: {error}", HOW) from None
    return found
