"""One module a family; `VARIANTS` in each maps the ledger's names to constructors."""

from typing import TYPE_CHECKING, NoReturn

if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        """torchvision has its networks here."""
        from cladenet.ledger import look_up

        known = not name.startswith("_") and look_up(name)
        instead = f"; cladenet.create_model({name!r}) builds it" if known else ""
        raise AttributeError(f"module 'cladenet.models' has no attribute {name!r}{instead}")
