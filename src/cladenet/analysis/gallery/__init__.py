"""The building blocks of the family tree, each as a layer of its own: drawn, counted, explained."""

from cladenet.analysis.gallery.kind import Kind
from cladenet.analysis.gallery.made import naive_inception
from cladenet.analysis.gallery.show import BLOCKS, Shown, page, show

__all__ = ["BLOCKS", "Kind", "Shown", "naive_inception", "page", "show"]
