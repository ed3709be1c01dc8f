"""Random crops, flips, colours, policies and mixtures, all drawn from (seed, epoch, sample)."""
