"""A short program that uses an exported file without cladenet; `export --example` prints it."""

HEAD = """import json
import sys

import numpy as np
{imports}
from PIL import Image, ImageOps

{opened}
facts = json.loads({text})
{prepared}mode = "RGB" if facts["preprocess"]["channels"] == 3 else "L"
for path in sys.argv[2:]:
    image = {image}
    pixels = np.array(image)[None] if mode == "RGB" else np.array(image)[None, :, :, None]
    posteriors = {answer}
    for k in np.argsort(-posteriors)[:5]:
        print(f"{{path}} {{100 * posteriors[k]:6.2f}} %  {{facts['classes'][k]}}")
"""
OF_ANY_SIZE = "ImageOps.exif_transpose(Image.open(path)).convert(mode)"
PREPARED = """

def prepared(image, height, width, fit, resize, interpolation, **_):
    \"\"\"The middle of a resized image; fits "pad" and "border" are left to you.\"\"\"
    short = min(image.size) if fit == "crop" else None
    size = [resize * side // short for side in image.size] if short else 2 * [resize]
    size = size if resize else [width, height]
    image = image.resize(size, Image.Resampling[interpolation.upper()])
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    return image.crop((left, top, left + width, top + height))


"""
LITERT = """import zipfile

model = Interpreter(sys.argv[1])
model.allocate_tensors()
entry, answer = model.get_input_details()[0]["index"], model.get_output_details()[0]["index"]


def answered(pixels):
    model.set_tensor(entry, pixels)
    model.invoke()
    return model.get_tensor(answer)[0]

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
    "litert": {
        "imports": "from ai_edge_litert.interpreter import Interpreter",
        "opened": LITERT,
        "text": 'zipfile.ZipFile(sys.argv[1]).read("cladenet.json")',
        "prepared": PREPARED,
        "image": f'prepared({OF_ANY_SIZE}, **facts["preprocess"])',
        "answer": "answered(pixels)",
    },
}


def example(form: str) -> str:
    """The program for a format: `python example.py FILE IMAGE...` prints the top classes."""
    return HEAD.format(**{"prepared": "", "image": OF_ANY_SIZE, **PARTS[form]})
