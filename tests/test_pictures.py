"""One picture as cameras, scanners, microscopes and satellites write it.

The files come from `image_files`, which knows the specifications alone; what is right is the
picture that they were made from, or arithmetic by hand.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

import image_files as files
from cladenet.data.images.decode import UnreadableImage, decode
from cladenet.data.images.facts import inspect
from image_files import Page, bmp, chunk, jpeg_frame, png16, tiff
from pictures import smooth

HEIGHT, WIDTH = 37, 53
PICTURE = smooth(HEIGHT, WIDTH, seed=7)
GREY = PICTURE[:, :, :1].copy()
WHITE, BLACK = GREY.max(), GREY.min()

Array = NDArray[Any]


def deep(values: Array, bits: int) -> Array:
    """8-bit levels in `bits` bits: v (2^bits - 1) / 255, rounded."""
    return np.rint(values * ((2**bits - 1) / 255)).astype(np.uint16 if bits > 8 else np.uint8)


def levels_off(data: bytes, expected: Array, **how: Any) -> int:
    """The largest difference of the decoded file from 8-bit levels (H, W, 1 or 3)."""
    return int(np.abs(decode(data, **how).astype(int) - expected).max())


def over_white(values: Array, alpha: Array | int) -> Array:
    """round((v a + 255 (255 - a)) / 255)."""
    return np.rint((values.astype(int) * alpha + 255 * (255 - np.asarray(alpha, int))) / 255)


STORED: dict[str, tuple[Page, Array]] = {
    "grey 16": (Page(deep(GREY, 16)), GREY),
    "white is zero 16": (Page(65535 - deep(GREY, 16), files.WHITE_IS_ZERO), GREY),
    "white is zero 8": (Page(255 - GREY, files.WHITE_IS_ZERO), GREY),
    "RGB 8": (Page(PICTURE, files.RGB), PICTURE),
    "RGB 16": (Page(deep(PICTURE, 16), files.RGB), PICTURE),
    "float": (Page((GREY / 255).astype(np.float32)), GREY),
    "half": (Page((GREY / 255).astype(np.float16)), GREY),
    "double": (Page(GREY / 255), GREY),
    "RGB float": (Page((PICTURE / 255).astype(np.float32), files.RGB), PICTURE),
    "CMYK 16": (
        Page(deep(np.dstack([255 - PICTURE, np.zeros_like(GREY)]), 16), files.CMYK),
        PICTURE,
    ),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("blocks", [{}, {"rows": 8}, {"tile": (16, 32)}], ids=str)
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("name", STORED)
def test_a_tiff_is_the_picture_however_it_is_cut_up(
    name: str, planar: int, blocks: dict[str, Any], order: str
) -> None:
    page, expected = STORED[name]
    stored = Page(**{**vars(page), "planar": planar, **blocks})
    assert levels_off(tiff(stored, order=order), expected) == 0


@pytest.mark.parametrize("compression", [files.LZW, files.DEFLATE, files.PACKBITS])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("name", ["grey 16", "RGB 16", "RGB 8", "white is zero 16"])
def test_a_tiff_is_the_picture_however_it_is_compressed(
    name: str, compression: int, predictor: int
) -> None:
    page, expected = STORED[name]
    for order in "<>":
        for more in ({"rows": 10}, {"tile": (16, 16), "planar": 2}):
            if compression == files.PACKBITS:
                predictor = 1  # PackBits has none
            how = {"compression": compression, "predictor": predictor, **more}
            stored = Page(**{**vars(page), **how})
            assert levels_off(tiff(stored, order=order), expected) == 0


@pytest.mark.parametrize("name", ["float", "half", "double", "RGB float"])
def test_floats_differenced_as_bytes_are_put_together_again(name: str) -> None:
    page, expected = STORED[name]
    stored = Page(**{**vars(page), "compression": files.DEFLATE, "predictor": 3, "rows": 9})
    for order in "<>":
        assert levels_off(tiff(stored, order=order), expected) == 0


@pytest.mark.parametrize("bits", [9, 10, 11, 12, 14, 15])
@pytest.mark.parametrize("fill", [1, 2])
def test_samples_that_share_bytes_are_scaled_by_their_bits(bits: int, fill: int) -> None:
    for values, photometric in ((GREY, files.BLACK_IS_ZERO), (PICTURE, files.RGB)):
        page = Page(deep(values, bits), photometric, bits=bits, fill=fill, rows=5)
        assert levels_off(tiff(page), values) == 0
    negative = Page(2**bits - 1 - deep(GREY, bits), files.WHITE_IS_ZERO, bits=bits, fill=fill)
    assert levels_off(tiff(negative, order=">"), GREY) == 0


def test_few_bits_a_colour_are_scaled_too() -> None:
    # 5 bits: 31 is white, and a level is 255 / 31 = 8.2 apart.
    page = Page(deep(PICTURE, 5), files.RGB, bits=5)
    assert levels_off(tiff(page), PICTURE) <= 4


@pytest.mark.parametrize("order", ["<", ">"])
def test_bigtiff_is_read_in_both_byte_orders(order: str) -> None:
    for name in ("RGB 8", "RGB 16"):
        page, expected = STORED[name]
        assert levels_off(tiff(page, order=order, big=True), expected) == 0


@pytest.mark.parametrize(
    ("tag", "kind"), [(files.MAX_SAMPLE, "H"), (files.S_MAX_SAMPLE, "H"), (files.S_MAX_SAMPLE, "f")]
)
def test_the_depth_that_a_tiff_declares_is_its_white(tag: int, kind: str) -> None:
    for bits in (10, 12, 14):
        tags = {tag: (kind, (2**bits - 1,))}
        assert levels_off(tiff(Page(deep(GREY, bits), tags=tags)), GREY) == 0


def test_omes_significant_bits_are_its_white() -> None:
    text = b'<OME><Pixels BigEndian="false" SignificantBits="12" Type="uint16"/></OME>\0'
    assert levels_off(tiff(Page(deep(GREY, 12), tags={270: ("s", (text,))})), GREY) == 0


def test_the_largest_sample_of_one_picture_is_no_depth() -> None:
    """TIFF 6.0 calls MaxSampleValue a statistic: 3817 is nobody's white, and 65535 stays it."""
    values = np.full((2, 2, 1), 3817, np.uint16)
    data = tiff(Page(values, tags={files.MAX_SAMPLE: ("H", (3817,))}))
    assert decode(data)[0, 0].tolist() == [15, 15, 15]  # 3817 / 257 = 14.85


def test_sbit_is_the_white_of_a_png_that_was_not_scaled_up() -> None:
    for bits in (10, 12, 14):
        grey, colours = chunk(b"sBIT", bytes([bits])), chunk(b"sBIT", bytes([bits] * 3))
        assert levels_off(png16(deep(GREY, bits), grey), GREY) == 0
        assert levels_off(png16(deep(PICTURE, bits), colours), PICTURE) == 0


def test_sbit_of_a_png_that_was_scaled_up_changes_nothing() -> None:
    """As the specification wants it: 12 bits times 65535 / 4095, also in a dark picture."""
    for values in (GREY, GREY // 16):
        scaled = np.rint(deep(values, 12) * (65535 / 4095)).astype(np.uint16)
        assert levels_off(png16(scaled, chunk(b"sBIT", b"\x0c")), values) <= 1


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_an_undeclared_depth_is_what_white_level_says(bits: int) -> None:
    for values in (GREY, PICTURE):
        photometric = files.RGB if values is PICTURE else files.BLACK_IS_ZERO
        for data in (tiff(Page(deep(values, bits), photometric)), png16(deep(values, bits))):
            assert levels_off(data, values, white_level=2**bits - 1) == 0
    declared = tiff(Page(deep(GREY, 12), tags={files.MAX_SAMPLE: ("H", (4095,))}))
    assert levels_off(declared, GREY, white_level=1023) == 0


def test_floats_have_one_white_whatever_the_picture() -> None:
    """A dark picture of a set stays dark: its own largest value is never taken for white."""
    dark = Page((GREY / 255).astype(np.float32))
    light = Page(GREY.astype(np.float32))
    assert levels_off(tiff(dark), GREY) == 0
    with pytest.raises(
        UnreadableImage, match=r"has float samples from .* to 2\d\d; expected 0 to 1"
    ):
        decode(tiff(light))
    assert levels_off(tiff(light), GREY, white_level=255) == 0
    assert decode(tiff(dark), white_level=255).max() <= 1
    declared = Page(GREY.astype(np.float32), tags={files.S_MAX_SAMPLE: ("f", (255.0,))})
    assert levels_off(tiff(declared), GREY) == 0


@pytest.mark.parametrize("kind", ["int16", "int32", "uint32"])
def test_integers_without_a_defined_white_need_it_set(kind: str) -> None:
    data = tiff(Page((GREY.astype(np.int32) * 100).astype(kind)))
    with pytest.raises(UnreadableImage, match="white is not defined; set it with white_level"):
        decode(data)
    assert levels_off(data, GREY, white_level=25_500) == 0


BROKEN = {
    "negative": (np.array([[[-0.1], [0.5]]], np.float32), "from -0.1 to 0.5.*Shift and scale"),
    "not a number": (np.array([[[np.nan], [0.5]]], np.float32), "not finite numbers"),
    "infinite": (np.array([[[np.inf], [0.5]]], np.float32), "not finite numbers"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_samples_beyond_black_and_white_are_refused(name: str) -> None:
    values, reason = BROKEN[name]
    with pytest.raises(UnreadableImage, match=reason):
        decode(tiff(Page(values)))


def test_alpha_of_any_depth_is_composed_over_white() -> None:
    alpha = np.full_like(GREY, 51)
    for bits in (8, 16):
        for values, photometric in ((GREY, files.BLACK_IS_ZERO), (PICTURE, files.RGB)):
            stored = deep(np.dstack([values, alpha]), bits)
            data = tiff(Page(stored, photometric, extra=(2,)))
            assert levels_off(data, over_white(values, 51)) <= 1
            if bits == 16:
                assert levels_off(png16(stored), over_white(values, 51)) <= 1
            multiplied = deep(np.dstack([np.rint(values * 0.2), alpha]), bits)
            data = tiff(Page(multiplied, photometric, extra=(1,)))
            assert levels_off(data, over_white(values, 51)) <= 3  # v / 5 was rounded


def test_a_transparent_colour_of_16_bits_is_compared_with_all_of_them() -> None:
    values = np.array([[[1000, 2000, 3000], [1001, 2000, 3000]]], np.uint16)
    clear = chunk(b"tRNS", np.array([1000, 2000, 3000], ">u2").tobytes())
    # 1001 / 257 = 3.9, 2000 / 257 = 7.8, 3000 / 257 = 11.7
    assert decode(png16(values, clear))[0].tolist() == [[255, 255, 255], [4, 8, 12]]
    grey = np.array([[[500], [501]]], np.uint16)
    clear = chunk(b"tRNS", np.array([500], ">u2").tobytes())
    assert decode(png16(grey, clear), 1)[0, :, 0].tolist() == [255, 2]


def test_lab_is_converted_by_cie_and_srgb() -> None:
    """L*a*b* of sRGB's primaries under D50, from the profile's own chromaticities (ICC, Bradford):

    red 54.29 80.80 69.89, green 87.82 -79.27 80.99, blue 29.57 68.30 -112.03; grey L* 50 is 119.
    """
    known = [
        ((54.29, 80.80, 69.89), (255, 0, 0)),
        ((87.82, -79.27, 80.99), (0, 255, 0)),
        ((29.57, 68.30, -112.03), (0, 0, 255)),
        ((100, 0, 0), (255, 255, 255)),
        ((50, 0, 0), (119, 119, 119)),
        ((0, 0, 0), (0, 0, 0)),
    ]
    lab = np.array([[colour for colour, _ in known]])
    expected = np.array([[rgb for _, rgb in known]])
    whole = np.rint(lab * [65535 / 100, 256, 256]).astype(np.int32).astype(np.uint16)
    assert levels_off(tiff(Page(whole, files.LAB)), expected) <= 2
    whole = np.rint(lab * [255 / 100, 1, 1]).astype(np.int32).astype(np.uint8)
    assert levels_off(tiff(Page(whole, files.LAB)), expected) <= 12  # whole numbers of a* and b*


def test_bands_that_are_not_said_to_be_colours_are_refused() -> None:
    for bits in (8, 16):
        for count in (2, 3, 4, 7):
            bands = deep(np.repeat(GREY, count, axis=2), bits)
            with pytest.raises(UnreadableImage, match=rf"has {count} bands, and does not say"):
                decode(tiff(Page(bands, extra=(0,) * (count - 1))))
        colours = deep(np.dstack([PICTURE, GREY, GREY]), bits)
        assert levels_off(tiff(Page(colours, files.RGB, extra=(0, 0))), PICTURE) == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_the_picture_is_found_behind_previews(order: str, big: bool) -> None:
    small = {files.NEW_SUBFILE_TYPE: ("I", (1,))}
    preview = Page(255 - PICTURE[::4, ::4], files.RGB, tags=small)
    for name in ("RGB 8", "RGB 16"):
        page, expected = STORED[name]
        for pages in ([preview, page], [Page(**{**vars(preview), "inner": [page]})]):
            data = tiff(*pages, order=order, big=big)
            assert levels_off(data, expected) == 0
        pyramid = Page(**{**vars(page), "inner": [preview]})
        assert levels_off(tiff(pyramid, preview, order=order, big=big), expected) == 0


def test_pages_are_counted_without_previews_and_masks(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    preview = Page(PICTURE[::4, ::4], files.RGB, tags={files.NEW_SUBFILE_TYPE: ("I", (1,))})
    mask = Page(GREY, tags={files.NEW_SUBFILE_TYPE: ("I", (4,))})
    page = Page(PICTURE, files.RGB)
    for pages, many in (([page, preview, mask], False), ([page, page], True)):
        path.write_bytes(tiff(*pages))
        facts = inspect(str(path)).facts
        assert facts.is_animated is many
        assert (facts.width, facts.height) == (WIDTH, HEIGHT)


def test_a_cameras_raw_file_is_named_whatever_its_name_and_its_preview() -> None:
    small = {files.NEW_SUBFILE_TYPE: ("I", (1,))}
    sensor = Page(deep(GREY, 16), files.MOSAIC)
    dng = {**small, files.DNG_VERSION: ("B", (1, 4, 0, 0))}
    inner = [
        tiff(Page(PICTURE[::4, ::4], files.RGB, tags=dng, inner=[sensor])),
        tiff(Page(PICTURE[::4, ::4], files.RGB, tags=small, inner=[sensor])),
        tiff(sensor),
        tiff(Page(deep(PICTURE, 16), 34892)),  # linear raw
        tiff(Page(PICTURE, files.RGB), Page(GREY, compression=34713)),  # Nikon's
        b"II*\0\x10\0\0\0CR\x02\0" + bytes(40),
        b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
        b"FUJIFILMCCD-RAW 0201",
        b"IIU\0\x18\0\0\0",
        b"IIRO\x08\0\0\0",
    ]
    for data in inner:
        with pytest.raises(UnreadableImage, match=r"is a camera raw file .*; develop it first"):
            decode(data)


def test_a_tiff_is_turned_upright_by_its_own_tag() -> None:
    tags = {files.ORIENTATION: ("H", (6,))}  # the picture's right side is the first row
    for bits in (8, 16):
        page = Page(deep(np.rot90(PICTURE, 1).copy(), bits), files.RGB, tags=tags)
        for exif in (True, False):
            assert levels_off(tiff(page), PICTURE, exif=exif) == 0


def test_a_bmp_that_is_transparent_all_over_is_opaque() -> None:
    number = (PICTURE.astype(np.uint32) * [1 << 16, 1 << 8, 1]).sum(axis=2)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    for header in (56, 124):
        clear = bmp(number, 32, masks, header=header, compression=3)
        assert levels_off(clear, PICTURE) == 0
        opaque = bmp(number | 0xFF000000, 32, masks, header=header, compression=3)
        assert levels_off(opaque, PICTURE) == 0
        number[0, 0] |= 0x33000000  # one pixel that is seen: the alpha is meant
        shown = decode(bmp(number, 32, masks, header=header, compression=3))
        assert shown[1:].min() == 255
        number[0, 0] &= 0xFFFFFF


def test_a_bmp_of_other_bits_is_read_or_named() -> None:
    red, green, blue = (PICTURE[..., n].astype(np.uint32) for n in range(3))
    of_16 = (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3
    assert levels_off(bmp(of_16, 16, (0xF800, 0x7E0, 0x1F), compression=3), PICTURE) <= 8
    of_4 = (red >> 4) << 8 | (green >> 4) << 4 | blue >> 4
    with pytest.raises(UnreadableImage, match="is a BMP of a variant that is not read"):
        decode(bmp(of_4, 16, (0xF00, 0xF0, 0xF), compression=3))


NAMED = {
    "JPEG XL": (b"\xff\x0a" + bytes(30), "is JPEG XL; convert it"),
    "JPEG XL in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30), "is JPEG XL; convert it"),
    "JPEG-LS": (jpeg_frame(0xF7, 8), "is JPEG-LS; convert it"),
    "JPEG of 12 bits": (jpeg_frame(0xC1, 12), "is a JPEG of 12 bits per sample"),
    "lossless JPEG of 16 bits": (jpeg_frame(0xC3, 16), "is a lossless JPEG of 16 bits per sample"),
    "hierarchical JPEG": (jpeg_frame(0xC5, 8), "is a JPEG of a kind that is not read"),
    "JPEG of two components": (jpeg_frame(0xC0, 8, 2), "is a JPEG of 2 components"),
    "JPEG XR": (b"II\xbc\x01" + bytes(30), "is JPEG XR; convert it"),
    "Photoshop": (b"8BPS\0\x01" + bytes(30), "is a Photoshop file; convert it"),
    "DICOM": (bytes(128) + b"DICM" + bytes(30), "is DICOM; convert it"),
    "HEIC": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "is HEIC; convert it"),
    "video": (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "is a video; save its frames"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
    "JPEG XL in TIFF": (tiff(Page(PICTURE, files.RGB, tags={259: ("H", (50002,))})),
                        "compressed by JPEG XL, which is not read; save it uncompressed"),
    "complex": (tiff(Page(GREY.astype(np.complex64))), "has complex samples of 64 bits"),
    "YCbCr of 16 bits": (tiff(Page(deep(PICTURE, 16), 6)), "is a TIFF of YCbCr"),
    "mixed bits": (tiff(Page(PICTURE, files.RGB, tags={258: ("H", (8, 8, 16))})),
                   "has samples of different kinds"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_what_is_not_read_is_named_and_never_called_damaged(name: str, tmp_path: Path) -> None:
    data, reason = NAMED[name]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for read in (lambda: decode(data), lambda: inspect(str(path))):
        with pytest.raises(UnreadableImage, match=reason) as caught:
            read()
        assert "damaged" not in caught.value.reason


def test_a_tiff_that_is_cut_is_damaged() -> None:
    for page in (Page(PICTURE, files.RGB), Page(deep(PICTURE, 16), files.RGB)):
        whole = tiff(page)
        directory = int.from_bytes(whole[4:8], "little")
        for cut in (whole[:9], whole[: directory + 20], whole[:directory]):
            with pytest.raises(UnreadableImage, match=r"is damaged|is cut off"):
                decode(cut)
        pixels = whole[:100] + whole[directory:]
        pixels = pixels[:4] + (100).to_bytes(4, "little") + pixels[8:]
        with pytest.raises(UnreadableImage, match=r"is damaged|is cut off"):
            decode(pixels)


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow without OpenJPEG")
def test_jpeg_2000_is_read_as_codestream_as_file_and_in_a_tiff() -> None:
    for options in ({"no_jp2": True}, {}):
        file = io.BytesIO()
        Image.fromarray(PICTURE).save(file, "JPEG2000", **options)
        assert levels_off(file.getvalue(), PICTURE) == 0
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG2000", no_jp2=True)
    for compression in (34712, 33005):
        assert levels_off(wrapped(file.getvalue(), compression), PICTURE) == 0


def test_webp_is_read_in_a_tiff() -> None:
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "WEBP", lossless=True)
    assert levels_off(wrapped(file.getvalue(), 50001), PICTURE) == 0


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow without OpenJPEG")
def test_colours_of_more_than_8_bits_in_jpeg_2000_are_refused() -> None:
    """Pillow makes black of their white: 65535 is rounded up to 256, which is 0 in a byte."""
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG2000", no_jp2=True)
    data = bytearray(file.getvalue())
    for component in range(3):
        data[42 + 3 * component] = 15  # Ssiz: one less than the bits
    with pytest.raises(UnreadableImage, match="is JPEG 2000 with 16 bits per colour"):
        decode(bytes(data))


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_avif_is_read() -> None:
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "AVIF", quality=100, subsampling="4:4:4")
    assert levels_off(file.getvalue(), PICTURE) <= 4


def wrapped(data: bytes, compression: int) -> bytes:
    """A TIFF of PICTURE's size whose only strip is another file."""
    strip = Page(np.frombuffer(data, np.uint8).reshape(1, -1, 1))
    return tiff(
        Page(
            **{
                **vars(strip),
                "photometric": files.RGB,
                "compression": compression,
                "tags": {
                    files.WIDTH: ("I", (WIDTH,)),
                    files.HEIGHT: ("I", (HEIGHT,)),
                    files.ROWS: ("I", (HEIGHT,)),
                    files.BITS: ("H", (8, 8, 8)),
                    files.SAMPLES: ("H", (3,)),
                    files.FORMAT: ("H", (1, 1, 1)),
                },
            }
        )
    )
