"""Architecture search: NASNet, ENAS, large-scale evolution and AmoebaNet, beside random search."""
