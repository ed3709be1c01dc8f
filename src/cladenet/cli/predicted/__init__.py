"""How `cladenet predict` prints what it found."""
