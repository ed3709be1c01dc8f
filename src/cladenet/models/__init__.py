"""One module a family; `VARIANTS` in each maps the ledger's names to constructors."""
