"""The family tree of image classifiers, LeNet (1998) to ViT (2020), as working software.

    import cladenet

    cladenet.list_models("resnet*")
    model = cladenet.create_model("resnet20_cifar", num_classes=100)
    run = cladenet.train("lenet5", data="digits", out="runs/digits")
    cladenet.evaluate("runs/digits", data="digits")
    cladenet.predict("runs/digits", ["seven.png"])

Nothing here imports torch until a name that needs it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cladenet.checkpoints import load
    from cladenet.checkpoints.transform import create_transform, resolve_data_config
    from cladenet.data.sources.open import open_dataset
    from cladenet.export.export_run import export_run
    from cladenet.export.verify_file import verify
    from cladenet.inference.prepare import for_inference
    from cladenet.registry import find
    from cladenet.runs.adaptive.evaluate_budget import evaluate_budget
    from cladenet.runs.check import check
    from cladenet.runs.compare import compare
    from cladenet.runs.convert_run import convert
    from cladenet.runs.evaluate.evaluate_run import evaluate
    from cladenet.runs.evaluate.exit_table import evaluate_exits
    from cladenet.runs.evaluate.protocol_table import evaluate_protocols
    from cladenet.runs.explain.explain_run import explain_run
    from cladenet.runs.predict.predict_images import predict
    from cladenet.runs.train.plan import plan
    from cladenet.runs.train.train_run import train
    from cladenet.weights.create import create_model, get_model
    from cladenet.weights.exporting import export_weights
    from cladenet.weights.importing import import_weights
    from cladenet.weights.listing import is_model, list_models, list_modules

__version__ = "0.1.0"

__all__ = [
    "check",
    "compare",
    "convert",
    "create_model",
    "create_transform",
    "evaluate",
    "evaluate_budget",
    "evaluate_exits",
    "evaluate_protocols",
    "explain_run",
    "export_run",
    "export_weights",
    "find",
    "for_inference",
    "get_model",
    "import_weights",
    "is_model",
    "list_models",
    "list_modules",
    "load",
    "open_dataset",
    "plan",
    "predict",
    "resolve_data_config",
    "train",
    "verify",
]

_HOMES = {
    "check": "cladenet.runs.check",
    "compare": "cladenet.runs.compare",
    "convert": "cladenet.runs.convert_run",
    "create_model": "cladenet.weights.create",
    "create_transform": "cladenet.checkpoints.transform",
    "evaluate": "cladenet.runs.evaluate.evaluate_run",
    "evaluate_budget": "cladenet.runs.adaptive.evaluate_budget",
    "evaluate_exits": "cladenet.runs.evaluate.exit_table",
    "evaluate_protocols": "cladenet.runs.evaluate.protocol_table",
    "explain_run": "cladenet.runs.explain.explain_run",
    "export_run": "cladenet.export.export_run",
    "export_weights": "cladenet.weights.exporting",
    "find": "cladenet.registry",
    "for_inference": "cladenet.inference.prepare",
    "get_model": "cladenet.weights.create",
    "import_weights": "cladenet.weights.importing",
    "is_model": "cladenet.weights.listing",
    "list_models": "cladenet.weights.listing",
    "list_modules": "cladenet.weights.listing",
    "load": "cladenet.checkpoints",
    "open_dataset": "cladenet.data.sources.open",
    "plan": "cladenet.runs.train.plan",
    "predict": "cladenet.runs.predict.predict_images",
    "resolve_data_config": "cladenet.checkpoints.transform",
    "train": "cladenet.runs.train.train_run",
    "verify": "cladenet.export.verify_file",
}

# Modules that are taken for functions: `public_names` says what to call.
_TAKEN_FOR_FUNCTIONS = ("bench", "explain", "export", "models", "recipes", "search", "serve")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from importlib.util import find_spec

        instead = ""
        # `from cladenet import world` comes here, too, before it imports the module.
        is_module = find_spec(f"{__name__}.{name}") is not None
        if name in _TAKEN_FOR_FUNCTIONS or not (is_module or name.startswith("_")):
            instead = import_module("cladenet.ledger.public_names").here(name, __all__)
        raise AttributeError(f"module 'cladenet' has no attribute {name!r}{instead}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return ["__version__", *__all__]
