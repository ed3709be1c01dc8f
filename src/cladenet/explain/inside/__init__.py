"""What is inside a trained network: responses, units, weights, and what can be left out of it."""
