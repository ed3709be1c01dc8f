import pytest
import torch
import torch.nn.functional as F

from cladenet.errors import BadArgument
from cladenet.models.large_scale_evolution import (
    DNA,
    Convolution,
    EvolvedNetwork,
    Fitted,
    Identity,
    Vertex,
)
from cladenet.registry import create_model
from overfit import adam, steps_to_learn


def test_the_first_individual_is_a_linear_classifier_of_the_mean_colour() -> None:
    """Sec. 3.4: "just a single-layer model with no convolutions"."""
    model = create_model("lse_initial_cifar")
    weight, bias = model.head[-1].get_parameter("weight"), model.head[-1].get_parameter("bias")
    images = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(model(images), images.mean((2, 3)) @ weight.T + bias)


def test_a_network_without_any_weights_takes_a_new_classifier() -> None:
    model = EvolvedNetwork(num_classes=0)
    assert not list(model.parameters())
    assert model.head_hidden_size == 3
    model.reset_classifier(5)
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 5)


def test_genes_are_rounded_when_the_network_is_built() -> None:
    """3 x 1.5 = 4.5 makes 4 channels (half to even), 2 x 0.6 + 1 and 2 x 1.4 + 1 make 3x3, 2^1."""
    dna = DNA((Vertex((Convolution(0, 0.6, 1.4, 1.5, 0.7),)),))
    model = EvolvedNetwork(dna)
    conv = model.get_submodule("stages.0.edges.0.0")
    assert conv.get_parameter("weight").shape == (4, 3, 3, 3)
    assert model.forward_features(torch.randn(1, 3, 9, 9)).shape == (1, 4, 5, 5)
    assert model.feature_maps[-1].reduction == 2


def test_the_first_edge_says_the_size_and_the_others_are_brought_to_it() -> None:
    """A convolution to 5 channels of half the size, and the images: nearest pixels, zeros added."""
    torch.manual_seed(0)
    dna = DNA((Vertex((Convolution(0, 0, 0, 5 / 3, 1), Identity(0)), norm_relu=False),))
    model = EvolvedNetwork(dna).eval()
    images = torch.randn(2, 3, 8, 8)
    conv = model.get_submodule("stages.0.edges.0.0")
    expected = F.conv2d(images[:, :, ::2, ::2], conv.get_parameter("weight"))
    expected = expected + conv.get_parameter("bias")[:, None, None]
    expected[:, :3] += images[:, :, ::2, ::2]
    torch.testing.assert_close(model.forward_features(images), expected)


def test_too_many_channels_are_left_out_and_small_grids_repeated() -> None:
    x = torch.arange(8.0).view(1, 2, 2, 2)
    assert Fitted()(x, torch.zeros(1, 1, 4, 4))[0].tolist() == [
        [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    ]


def test_a_vertex_sums_its_edges_before_norm_and_relu() -> None:
    dna = DNA((Vertex((Identity(0), Identity(0)), norm_relu=True),))
    model = EvolvedNetwork(dna).eval()
    images = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(
        model.forward_features(images), F.relu(2 * images), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("vertex", [Vertex(()), Vertex((Identity(1),)), Vertex((Identity(-1),))])
def test_a_vertex_must_read_what_is_before_it(vertex: Vertex) -> None:
    with pytest.raises(BadArgument, match=r"vertex 1 is .*expected edges from vertices 0 to 0"):
        EvolvedNetwork(DNA((vertex,)))


def test_a_grown_network_overfits_eight_digits() -> None:
    torch.manual_seed(0)
    dna = DNA(
        (
            Vertex((Convolution(0, depth_factor=8),)),
            Vertex((Convolution(1, depth_factor=2, stride_scale=1), Identity(1))),
            Vertex((Convolution(2, stride_scale=1),)),
        )
    )
    assert steps_to_learn(EvolvedNetwork(dna), adam(3e-3), 32) > 0
