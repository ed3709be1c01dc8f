"""litserve with a network of a run: `python litserve_side.py RUN PORT HOW BATCH WORKERS`.

As in its guide "Speed up serving by 200x": JSON with base64, decoded in `decode_request`, batches
of up to BATCH that wait 10 ms for others, and WORKERS processes, which share the cores. With BATCH
of 1 images are answered one by one. HOW is `guide`: Pillow and torchvision prepare the images for
the plain network, as there; `plain`: images are prepared by the code that `cladenet serve` has;
`packed`: its network is lent as well, so that the servers alone differ.
"""

import base64
import io
import sys
from typing import Any

import litserve
import torch
from PIL import Image

from cladenet.checkpoints import load
from cladenet.inference import for_inference
from cladenet.runs.predict.given_images import read
from cladenet.threads import our_share
from cladenet.vision import torchvision

RUN, PORT, HOW, BATCH, WORKERS = (
    sys.argv[1:6] if len(sys.argv) > 5 else ("", "0", "plain", "1", "1")
)


class Api(litserve.LitAPI):  # type: ignore[misc]
    """Images to the five likeliest classes."""

    def setup(self, device: str) -> None:
        torch.set_num_threads(max(1, our_share().cores // int(WORKERS)))
        self.loaded = load(RUN)
        self.network: Any = self.loaded.model
        # The shorter side to 256, the middle 224: the same as in `preprocess`.
        self.transforms = torchvision().models.ResNet18_Weights.DEFAULT.transforms()
        if HOW == "packed":
            self.network = for_inference(self.loaded.model, engine="packed", batch_size=int(BATCH))

    def decode_request(self, request: dict[str, str]) -> torch.Tensor:
        data = base64.b64decode(request["image_data"])
        if HOW == "guide":
            prepared: torch.Tensor = self.transforms(Image.open(io.BytesIO(data)).convert("RGB"))
            return prepared
        return torch.from_numpy(read(data, self.loaded.card.preprocess))

    def batch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(inputs)

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        if images.ndim == 3:
            images = images[None]
        with torch.inference_mode():
            if HOW != "guide":
                images = self.loaded.card.preprocess.to_input(images)
            found = self.network(images)
            return torch.as_tensor(found).softmax(-1)

    def unbatch(self, output: torch.Tensor) -> list[torch.Tensor]:
        return list(output)

    def encode_response(self, output: torch.Tensor) -> dict[str, Any]:
        top = output.reshape(-1).topk(5)
        return {"labels": top.indices.tolist(), "probabilities": top.values.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=int(BATCH), batch_timeout=0.01 if BATCH != "1" else 0.0)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=int(WORKERS)).run(
        port=int(PORT), generate_client_file=False, log_level="error", access_log=False
    )
