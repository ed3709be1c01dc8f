"""Images and labels: opened, checked, split, decoded, augmented and batched."""
