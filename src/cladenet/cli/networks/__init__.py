"""The commands about networks: lists, facts, blocks, recipes."""
