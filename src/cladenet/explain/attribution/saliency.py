"""The quick saliency map that every network has."""

from torch import Tensor

from cladenet.explain.attribution.attention import attention_relevance
from cladenet.explain.attribution.grad_cam import grad_cam
from cladenet.explain.attribution.maps import over_the_image, scaled
from cladenet.explain.targets import Classes
from cladenet.layers.classifier import Classifier
from cladenet.models.vit import VisionTransformer


def saliency(network: Classifier, images: Tensor, classes: Classes = None) -> Tensor:
    """A map as large as the images, (N, H, W) from 0 to 1, on the CPU.

    Grad-CAM at the last feature maps; of a vision transformer the relevance of its attention. The
    largest value of each image is 1, whatever the network's scale; an image of which no part
    speaks for the class has 0 everywhere.

    Args:
        network: of any family; it stays as it was.
        images: normalised, (N, C, H, W).
        classes: which to explain: one for each image, one for all, or by default each answer.

    Raises:
        BadArgument: there is no such class.
    """
    method = attention_relevance if isinstance(network, VisionTransformer) else grad_cam
    maps = over_the_image(method(network, images, classes).float(), images)
    return scaled(maps).cpu()
