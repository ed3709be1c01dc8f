"""Costs and receptive fields of a network: values about a model, which is left as it was."""
