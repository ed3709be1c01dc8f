"""The claims by era, one file each."""

from cladenet.experiments.claim import Claim
from cladenet.experiments.claims.dense import DENSE
from cladenet.experiments.claims.light import LIGHT
from cladenet.experiments.claims.normalisation import NORMALISATION
from cladenet.experiments.claims.residual import RESIDUAL
from cladenet.experiments.claims.training import TRAINING
from cladenet.experiments.claims.units import UNITS
from cladenet.experiments.claims.vgg import VGG

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (*VGG, *RESIDUAL, *UNITS, *DENSE, *NORMALISATION, *LIGHT, *TRAINING)
}
