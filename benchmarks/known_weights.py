"""What torchvision and timm publish for the networks known here, as a table.

    python benchmarks/known_weights.py > src/cladenet/weights/known.toml

Everything is read from the declarations inside the two installed packages; nothing is downloaded.
torchvision declares accuracies and, where it is not the library's own, the licence; timm declares
licences and no accuracies.
"""

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

from cladenet.vision import torchvision
from cladenet.weights.sources import SOURCES

BSD = "BSD-3-Clause (torchvision's)"
HALF = ("torchvision/googlenet", "torchvision/inception_v3")


def torchvisions() -> Iterator[dict[str, Any]]:
    torchvision()
    from torchvision import models

    for source in SOURCES.values():
        library, _, name = source.name.partition("/")
        if library != "torchvision":
            continue
        for weights in models.get_model_weights(name):
            if weights.meta["categories"] is None:  # features without a classifier
                continue
            seen = weights.transforms()
            measured = weights.meta["_metrics"]["ImageNet-1K"]
            # With these two torchvision changes normalised images to those of mean and std a
            # half inside the network.
            half = source.name in HALF
            yield {
                "name": f"{source.name}:{weights.name}",
                "network": source.network,
                "url": weights.url,
                "classes": len(weights.meta["categories"]),
                "size": seen.crop_size[0],
                "resize": seen.resize_size[0],
                "interpolation": seen.interpolation.value,
                "default": weights is models.get_model_weights(name).DEFAULT,
                "preferred": weights is next(iter(models.get_model_weights(name))),
                "mean": [0.5] * 3 if half else seen.mean,
                "std": [0.5] * 3 if half else seen.std,
                "licence": weights.meta.get("license") or BSD,
                "top1_err": round(100 - measured["acc@1"], 3),
                "top5_err": round(100 - measured["acc@5"], 3),
            }


def timms() -> Iterator[dict[str, Any]]:
    torchvision()
    import timm

    for source in SOURCES.values():
        library, _, name = source.name.partition("/")
        if library != "timm":
            continue
        for full in timm.list_pretrained(f"{name}.*"):
            declared = timm.models.get_pretrained_cfg(full)
            if declared is None or not declared.hf_hub_id or declared.num_classes < 1:
                continue
            size, usual = declared.input_size[1], timm.models.get_pretrained_cfg(name)
            fit = {"center": "crop", "squash": "stretch", "border": "border"}[declared.crop_mode]
            yield {
                "name": f"timm/{full}",
                "network": source.network,
                "url": f"https://huggingface.co/{declared.hf_hub_id}",
                "classes": declared.num_classes,
                "size": size,
                "resize": math.floor(size / declared.crop_pct),
                "fit": fit,
                "interpolation": declared.interpolation,
                "default": declared.tag == usual.tag,
                "preferred": declared.tag == usual.tag,
                "mean": list(declared.mean),
                "std": list(declared.std),
                "licence": declared.license or "not declared",
            }


def main() -> None:
    print("# Published weights of the networks known here: python benchmarks/known_weights.py")
    for row in (*torchvisions(), *timms()):
        if row["interpolation"] not in ("bilinear", "bicubic"):
            print(f"{row['name']}: {row['interpolation']} is left out", file=sys.stderr)
            continue
        print("\n[[weights]]")
        for key, value in row.items():
            if value is not False:
                print(f"{key} = {json.dumps(value)}")


if __name__ == "__main__":
    main()
