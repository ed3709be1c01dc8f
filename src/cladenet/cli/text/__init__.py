"""How commands print: columns, paragraphs, tables of protocols."""
