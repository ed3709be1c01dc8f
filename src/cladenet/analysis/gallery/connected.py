"""The blocks whose layers are connected in other ways than one behind the other."""

from functools import partial

from cladenet.analysis.gallery.kind import Kind
from cladenet.analysis.gallery.made import BATCH_NORM, clique, normal
from cladenet.models.amoebanet import NORMAL_A as AMOEBA_A
from cladenet.models.condensenet import DenseLayer as CondenseLayer
from cladenet.models.densenet import DenseLayer
from cladenet.models.learned_group import CondensedGroupLayer
from cladenet.models.nasnet import NORMAL_A as NASNET_A

CONNECTED = {
    "dense": Kind(
        lambda: DenseLayer(256, 32, True, 0.0, BATCH_NORM),
        (256, 28, 28),
        "cladenet.models.densenet.DenseLayer",
        "densenet",
        "Eq. (2)",
        "Reads all maps before it, adds 32 new ones.",
        "x_l = H([x_0, ..., x_(l-1)]), H(x) = W2 ReLU(BN(W1 ReLU(BN(x))))",
        ("bottleneck",),
    ),
    "condense": Kind(
        lambda: CondenseLayer(
            256, 32, 128, 4,
            partial(CondensedGroupLayer, groups=4, factor=4, norm=BATCH_NORM),
            BATCH_NORM,
        ),
        (256, 28, 28),
        "cladenet.models.condensenet.DenseLayer",
        "condensenet",
        "Fig. 1 (memory), as it is in inference",
        "A dense layer whose groups have learnt which quarter of the maps each of them reads.",
        "y = [x, W2 ReLU(BN(S W1 ReLU(BN(chosen(x)))))], W1, W2 in 4 groups, S shuffles",
        ("dense", "shuffle"),
    ),
    "clique": Kind(
        lambda: clique(64, 4, 36),
        (64, 28, 28),
        "cladenet.models.clique_block.CliqueBlock",
        "cliquenet",
        "Fig. 1, 4 layers; Eq. (1), with g before W",
        "Layers that feed each other both ways: each is computed again from the newest of all.",
        "x_i' = sum of W_ji g(x_j') over j < i and W_ji g(x_j) over j > i, g = ReLU(BN)",
        ("dense",),
    ),
    "nasnet_a": Kind(
        lambda: normal(NASNET_A, 44),
        (264, 28, 28),
        "cladenet.models.cells.BuiltCell, cladenet.models.nasnet.NORMAL_A",
        "nasnet",
        "Fig. 4, the normal cell of the mobile network as released",
        "Five pairs of operations that reinforcement learning chose.",
        "y = [h1, ..., h5, x], h = f(a) + g(b) of earlier h and the two inputs",
        ("separable",),
    ),
    "amoebanet_a": Kind(
        lambda: normal(AMOEBA_A, 50),
        (200, 28, 28),
        "cladenet.models.cells.BuiltCell, cladenet.models.amoebanet.NORMAL_A",
        "amoebanet",
        "Fig. 6 of the proceedings, the normal cell of the mobile network",
        "Five pairs that evolution chose in the same space.",
        "y = [those h that no other h reads], h = f(a) + g(b)",
        ("nasnet_a",),
    ),
}  # fmt: skip
