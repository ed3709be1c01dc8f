"""A TIFF as a picture: by Pillow where it reads the samples as they are meant, else by ours."""

from typing import BinaryIO

from PIL import Image

from cladenet.data.images.by_pillow import by_any, refuse_large
from cladenet.data.images.picture import Picture, PillowPicture, SampledPicture
from cladenet.data.images.samples import Samples
from cladenet.data.images.tiff import by_pillow, mode_of, samples_of, with_first
from cladenet.data.images.tiff_pages import Page, Tag, read_pages


def picture_of_tiff(file: BinaryIO, max_pixels: float) -> Picture:
    """The largest or first page, from the directories of the file alone."""
    tiff = read_pages(file)
    page = tiff.picture()
    width, height = page.size
    refuse_large(width * height, page.size, max_pixels)
    if not by_pillow(page):
        return SampledPicture(
            "TIFF", mode_of(page), page.size, tiff.is_many, lambda: _read_tiff(file, page)
        )

    def again() -> Image.Image:
        return by_any(with_first(file, tiff, page), ("TIFF",))

    image = again()
    return PillowPicture("TIFF", image.mode, page.size, tiff.is_many, image, max_pixels, again)


def _read_tiff(file: BinaryIO, page: Page) -> tuple[Samples, int]:
    return samples_of(file, page), page.number(Tag.ORIENTATION, 1)
