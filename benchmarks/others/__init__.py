"""Networks of other libraries and repositories, built as their own code builds them."""
