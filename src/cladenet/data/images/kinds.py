"""What a file is by its first bytes, whatever its name says.

read                      JPEG, PNG, GIF, BMP, TIFF, WebP, PNM; JPEG 2000 and AVIF where Pillow can
named and refused         HEIC, JPEG XL, JPEG-LS, JPEG XR, camera raw, Photoshop, DICOM, video, ...
anything else             "not an image", with its first bytes
"""

from typing import NamedTuple

HEAD = 132  # bytes that tell: DICOM has its mark behind 128 of anything
SCALED = ("JPEG", "MPO")  # formats, as Pillow calls them, that decode at 1/2, 1/4 and 1/8
CONVERT = "convert it to JPEG or PNG"
DEVELOP = "develop it first, to JPEG, PNG or TIFF"


class Refused(Exception):
    """The reason why a file is not read: a clause that goes after its name."""


class Damaged(Exception):
    """A file that contradicts itself: how."""


class Kind(NamedTuple):
    """A kind of file.

    Args:
        name: `PNG`, `a camera raw file (Canon CR3)`.
        way_out: what its owner can do to have it read; empty where it is read as it is.
    """

    name: str
    way_out: str = ""


JPEG = Kind("JPEG")
PNG = Kind("PNG")
TIFF = Kind("TIFF")
BMP = Kind("BMP")
AVIF = Kind("AVIF")
HEIC = Kind("HEIC", CONVERT)
JPEG_2000 = Kind("JPEG 2000")
READ = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", Kind("GIF")),
    (b"GIF89a", Kind("GIF")),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\0\0\0\x0cjP  ", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
)


def _raw(maker: str) -> Kind:
    return Kind(f"a camera raw file ({maker})", DEVELOP)


CANON = _raw("Canon CR2")
VIDEO = Kind("a video", "save its frames as images")
NAMED = (
    (0, b"\xff\x0a", Kind("JPEG XL", CONVERT)),
    (0, b"\0\0\0\x0cJXL ", Kind("JPEG XL", CONVERT)),
    (0, b"II\xbc", Kind("JPEG XR", CONVERT)),
    (0, b"8BPS", Kind("a Photoshop file", CONVERT)),
    (0, b"gimp xcf", Kind("a GIMP file", CONVERT)),
    (0, b"\0\0\1\0", Kind("an icon (ICO)", CONVERT)),
    (0, b"DDS ", Kind("a texture (DDS)", CONVERT)),
    (0, b"v/1\1", Kind("OpenEXR", "convert it to a TIFF of floats, or to JPEG or PNG")),
    (0, b"#?RADIANCE", Kind("Radiance HDR", "convert it to a TIFF of floats, or to JPEG or PNG")),
    (0, b"PF\n", Kind("a colour float map (PFM)", "convert it to a TIFF of floats")),
    (0, b"P7\n", Kind("PAM", CONVERT)),
    (0, b"SIMPLE  =", Kind("FITS", "convert it to a 16-bit TIFF")),
    (0, b"BPG\xfb", Kind("BPG", CONVERT)),
    (0, b"%PDF", Kind("PDF", "save its pages as PNG")),
    (0, b"\x93NUMPY", Kind("an array of NumPy", "save it as PNG or TIFF")),
    (0, b"PK\3\4", Kind("a zip archive", "unpack it")),
    (0, b"\x1f\x8b", Kind("packed by gzip", "unpack it")),
    (0, b"\x89HDF", Kind("HDF5", "save its images as PNG or TIFF")),
    (0, b"version https://git-lfs", Kind("a pointer of Git LFS", "fetch the file: git lfs pull")),
    (0, b"FUJIFILMCCD-RAW", _raw("Fujifilm RAF")),
    (0, b"IIRO", _raw("Olympus ORF")),
    (0, b"IIRS", _raw("Olympus ORF")),
    (0, b"MMOR", _raw("Olympus ORF")),
    (0, b"IIU\0", _raw("Panasonic RW2")),
    (0, b"FOVb", _raw("Sigma X3F")),
    (0, b"\0MRM", _raw("Minolta MRW")),
    (0, b"IIII", _raw("Phase One")),
    (0, b"MMMM", _raw("Phase One")),
    (6, b"HEAPCCDR", _raw("Canon CRW")),
    (0, b"qoif", Kind("QOI", CONVERT)),
    (0, b"\x01\xda", Kind("an SGI image", CONVERT)),
    (0, b"\x59\xa6\x6a\x95", Kind("a Sun raster", CONVERT)),
    (0, b"SDPX", Kind("DPX", "convert it to a 16-bit TIFF")),
    (0, b"XPDS", Kind("DPX", "convert it to a 16-bit TIFF")),
    (0, b"farbfeld", Kind("farbfeld", CONVERT)),
    (0, b"FLIF", Kind("FLIF", CONVERT)),
    (0, b"icns", Kind("an icon (ICNS)", CONVERT)),
    (0, b"/* XPM */", Kind("XPM", CONVERT)),
    (0, b"%!PS", Kind("PostScript", "draw it into a PNG")),
    (0, b"\xc5\xd0\xd3\xc6", Kind("PostScript", "draw it into a PNG")),
    (0, b"\xd7\xcd\xc6\x9a", Kind("a drawing (WMF)", "draw it into a PNG")),
    (40, b" EMF", Kind("a drawing (EMF)", "draw it into a PNG")),
    (0, b"NRRD", Kind("NRRD", "save its slices as 16-bit PNG or TIFF")),
    (0, b"MATLAB 5.0 MAT", Kind("a MATLAB file", "save its images as PNG or TIFF")),
    (128, b"DICM", Kind("DICOM", "convert it to a 16-bit PNG or TIFF")),
)
BRANDS = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"crx ": _raw("Canon CR3"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), HEIC),
}
NIFTI = Kind("NIfTI", "save its slices as 16-bit PNG or TIFF")
NIFTI_HEADERS = (348, 540)  # bytes, of its two versions
PCX_VERSIONS = b"\0\2\3\4\5"
TGA_KINDS = b"\2\3\x0a\x0b"  # without a palette, plain and in runs
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes in bytes of the versions there are


def kind_of(head: bytes) -> Kind | None:
    """The kind of a file that begins with `head`, `HEAD` bytes of it or all; None: no known one."""
    if kind := _by_mark(head):
        return kind
    for at, mark, kind in NAMED:
        if head.startswith(mark, at):
            return kind
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BMP_HEADERS:
        return BMP
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return Kind("PNM")
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return VIDEO
    if head[4:8] == b"ftyp":
        return VIDEO
    return _by_header(head)


def _by_header(head: bytes) -> Kind | None:
    """Kinds without a mark, by what their header has to say."""
    if any(int.from_bytes(head[:4], order) in NIFTI_HEADERS for order in ("little", "big")):
        return NIFTI
    if head[:1] == b"\n" and head[1:2] in PCX_VERSIONS and head[2:3] in b"\0\1" and len(head) > 3:
        return Kind("PCX", CONVERT) if head[3] in (1, 2, 4, 8) else None
    if head.startswith(b"#define ") and b"_width " in head:
        return Kind("XBM", CONVERT)
    if len(head) < 18 or head[1] != 0 or head[2] not in TGA_KINDS or any(head[3:8]):
        return None
    width, height = (int.from_bytes(head[at : at + 2], "little") for at in (12, 14))
    return Kind("TGA", CONVERT) if width and height and head[16] in (8, 15, 16, 24, 32) else None


def looks_like_image(head: bytes) -> bool:
    """Whether the first 12 bytes or more are those of an image, by marks that nothing else has."""
    return _by_mark(head) is not None


def _by_mark(head: bytes) -> Kind | None:
    for mark, kind in READ:
        if head.startswith(mark):
            return CANON if head[8:11] == b"CR\2" else kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind("WebP")
    if head[4:8] != b"ftyp":
        return None
    # An ISO base media file: its major brand, or a compatible one.
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))]
    known = [BRANDS[brand] for brand in brands if brand in BRANDS]
    return AVIF if AVIF in known else next(iter(known), None)
