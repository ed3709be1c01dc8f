"""What a run may leave to the machine: network and weights, precision, rate, length."""
