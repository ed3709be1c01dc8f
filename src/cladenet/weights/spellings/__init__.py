"""The spellings of other libraries, family by family; `sources` says which network has which."""
