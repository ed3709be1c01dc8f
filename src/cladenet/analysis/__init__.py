"""What a network costs and sees: values about a model, which is left as it was."""
