"""What fastai's first page says, on a folder of photographs."""

import sys

from fastai.vision.all import ImageDataLoaders, Resize, error_rate, resnet34, vision_learner

dls = ImageDataLoaders.from_folder(sys.argv[1], "train", "val", item_tfms=Resize(224))
vision_learner(dls, resnet34, metrics=error_rate).fine_tune(1)
