"""The statistics of ImageNet's images that everybody normalises by, for values in [0, 1]."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
GREY = (0.449, 0.226)  # the means of the three above
