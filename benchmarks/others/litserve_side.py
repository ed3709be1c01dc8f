"""litserve with a network of a run: `python litserve_side.py RUN PORT plain|packed`."""

import base64
import sys
from typing import Any

import litserve
import torch

from cladenet.checkpoints import load
from cladenet.inference import for_inference
from cladenet.runs.predict.given_images import read

RUN, PORT, HOW = sys.argv[1:4] if len(sys.argv) > 3 else ("", "0", "plain")
BATCH = 8


class Api(litserve.LitAPI):  # type: ignore[misc]
    """As in litserve's examples: JSON with base64, decoded in `decode_request`."""

    def setup(self, device: str) -> None:
        torch.set_num_threads(torch.get_num_threads())
        self.loaded = load(RUN)
        self.network: Any = self.loaded.model
        if HOW == "packed":
            self.network = for_inference(self.loaded.model, engine="packed", batch_size=BATCH)

    def decode_request(self, request: dict[str, str]) -> torch.Tensor:
        pixels = read(base64.b64decode(request["image_data"]), self.loaded.card.preprocess)
        return torch.from_numpy(pixels)

    def batch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(inputs)

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        if images.ndim == 3:
            images = images[None]
        with torch.inference_mode():
            found = self.network(self.loaded.card.preprocess.to_input(images))
            return torch.as_tensor(found).softmax(-1)

    def unbatch(self, output: torch.Tensor) -> list[torch.Tensor]:
        return list(output)

    def encode_response(self, output: torch.Tensor) -> dict[str, Any]:
        top = output.reshape(-1).topk(5)
        return {"labels": top.indices.tolist(), "probabilities": top.values.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=0.005)
    litserve.LitServer(api, accelerator="cpu").run(
        port=int(PORT), generate_client_file=False, log_level="error", access_log=False
    )
