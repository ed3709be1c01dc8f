"""What is searched: values that can be drawn, mutated, checked, and built as networks."""
