"""The claims of the papers as experiments: trainings that are compared, with a verdict."""
