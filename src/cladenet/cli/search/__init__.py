"""Commands on architecture searches."""
