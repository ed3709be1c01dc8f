"""Guided backpropagation: the gradient without what speaks against the class at any ReLU.

Springenberg, Dosovitskiy, Brox, Riedmiller. Striving for Simplicity: The All Convolutional Net.
ICLR 2015 workshop. arXiv:1412.6806, Fig. 1(c): going back through a ReLU, what arrives counts where
it is positive and the ReLU's input was positive.

The rule is one for ReLU. On a network of GELU, SiLU, tanh or a clipped ReLU nothing would be
guided, and the plain gradient would pass for something else: such networks are refused. The gates
of squeeze-and-excitation and of Highway networks scale what passes and keep their gradient.
"""

import torch
from torch import Tensor

from cladenet.explain.rules import BackwardRules, guided_relu
from cladenet.explain.targets import Classes, frozen, logits_of
from cladenet.layers.classifier import Classifier

GATES = {"sigmoid", "hardsigmoid"}


def guided_backpropagation(network: Classifier, images: Tensor, classes: Classes = None) -> Tensor:
    """The guided gradient (N, C, H, W) of the class's logit.

    Args:
        network: of a family with ReLU.
        images: normalised, (N, C, H, W).
        classes: which to explain: one for each image, one for all, or by default each answer.

    Raises:
        BadArgument: the network has another activation than ReLU, or no such class.
    """
    rules = BackwardRules("guided backpropagation", {"relu": guided_relu}, allowed=GATES)
    with frozen(network):
        pixels = images.detach().clone().requires_grad_()
        with rules:
            logits = network(pixels)
        (gradient,) = torch.autograd.grad(logits_of(logits, classes).sum(), pixels)
    return gradient
