"""Which pixels an answer rests on; see `saliency` for the quick one that every network has."""

from cladenet.explain.attribution.attention import attention_relevance, attention_rollout
from cladenet.explain.attribution.grad_cam import grad_cam
from cladenet.explain.attribution.guided import guided_backpropagation
from cladenet.explain.attribution.integrated import integrated_gradients
from cladenet.explain.attribution.occlusion import occlusion
from cladenet.explain.attribution.overlay import overlay
from cladenet.explain.attribution.saliency import saliency

__all__ = [
    "attention_relevance",
    "attention_rollout",
    "grad_cam",
    "guided_backpropagation",
    "integrated_gradients",
    "occlusion",
    "overlay",
    "saliency",
]
