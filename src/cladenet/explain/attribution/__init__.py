"""Which pixels an answer rests on; see `saliency` for the quick one that every network has."""
