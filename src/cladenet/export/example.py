"""A short program that uses an exported file without cladenet; `export --example` prints it."""

HEAD = """import json
import sys

import numpy as np
{imports}
from PIL import Image, ImageOps

{opened}
facts = json.loads({text})
mode = "RGB" if facts["preprocess"]["channels"] == 3 else "L"
for path in sys.argv[2:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert(mode)
    pixels = np.array(image)[None] if mode == "RGB" else np.array(image)[None, :, :, None]
    posteriors = {answer}
    for k in np.argsort(-posteriors)[:5]:
        print(f"{{path}} {{100 * posteriors[k]:6.2f}} %  {{facts['classes'][k]}}")
"""
PARTS = {
    "onnx": {
        "imports": "import onnxruntime",
        "opened": "session = onnxruntime.InferenceSession(sys.argv[1])",
        "text": 'session.get_modelmeta().custom_metadata_map["cladenet"]',
        "answer": 'session.run(None, {"images": pixels})[0][0]',
    },
    "openvino": {
        "imports": "import openvino",
        "opened": "core = openvino.Core()\n"
        "model = core.read_model(sys.argv[1])\n"
        'compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})',
        "text": 'model.get_rt_info(["cladenet"]).astype(str)',
        "answer": "compiled([pixels])[0][0]",
    },
    "torch": {
        "imports": "import torch",
        "opened": 'extra = {"cladenet": ""}\n'
        "network = torch.export.load(sys.argv[1], extra_files=extra).module()",
        "text": 'extra["cladenet"]',
        "answer": "network(torch.from_numpy(pixels))[0].detach().numpy()",
    },
    "torchscript": {
        "imports": "import torch",
        "opened": 'extra = {"cladenet": ""}\n'
        "network = torch.jit.load(sys.argv[1], _extra_files=extra)",
        "text": 'extra["cladenet"]',
        "answer": "network(torch.from_numpy(pixels))[0].detach().numpy()",
    },
}


def example(form: str) -> str:
    """The program for a format: `python example.py FILE IMAGE...` prints the top classes."""
    return HEAD.format(**PARTS[form])
