"""The API in the words of OpenAPI 3.1."""

from typing import Any

from cladenet import __version__
from cladenet.serve.settings import Limits

PROBLEM = {
    "type": "object",
    "required": ["error", "hint"],
    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
}
PREDICTION = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string"},
        "error": {"type": "string", "description": "why this image of several has no answer"},
        "answered_by": {"type": "string", "description": "the exit, or the run of a cascade"},
        "batch": {"type": "integer", "description": "images that were computed together"},
        "top": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["class", "label", "probability"],
                "properties": {
                    "class": {"type": "string"},
                    "label": {"type": "integer"},
                    "probability": {"type": "number", "minimum": 0, "maximum": 1},
                },
            },
        },
        "ms": {
            "type": "object",
            "properties": {k: {"type": "number"} for k in ("decode", "wait", "compute")},
        },
    },
}
ANSWER = {
    "type": "object",
    "required": ["model", "weights", "ms", "predictions"],
    "properties": {
        "model": {"type": "string"},
        "weights": {"type": "string", "description": "SHA-256 of the weights that answered"},
        "ms": {"type": "number"},
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
    },
}
PROBLEMS = {
    "400": "no image, too many, or one that cannot be taken apart",
    "404": "no network has this name",
    "408": "the body comes too slowly",
    "413": "the body is too large",
    "415": "no image, or of a kind that is not read",
    "422": "a damaged image, or of a size that the network does not take",
    "500": "the network failed at this batch",
    "503": "the queue is full, or a network is not loaded yet; Retry-After says when to come back",
    "504": "no answer in time",
}


def openapi(names: tuple[str, ...], limits: Limits, token: bool) -> dict[str, Any]:
    """The document.

    Args:
        names: of the networks.
        limits: of the server.
        token: a request has to bring one.
    """
    model = {
        "name": "model", "in": "query", "schema": {"type": "string", "enum": list(names)},
        "description": f"by default {names[0]}",
    }  # fmt: skip
    top = {"name": "top", "in": "query", "schema": {"type": "integer", "minimum": 1}}
    budget = {
        "name": "budget", "in": "query", "schema": {"type": "string"},
        "examples": {name: {"value": name} for name in ("20M", "5ms", "kept", "whole")},
        "description": "of a network with several exits, or a cascade of runs: the last answer "
        "within so many multiply-accumulates or milliseconds an image, `kept` for its thresholds, "
        "or `whole`",
    }  # fmt: skip
    label = {
        "name": "class", "in": "query", "schema": {"type": "string"},
        "description": "name or number; by default the likeliest",
    }  # fmt: skip
    language = {
        "name": "Accept-Language", "in": "header", "schema": {"type": "string"},
        "examples": {name: {"value": name} for name in ("en", "zh-CN")},
        "description": "of the texts of refusals; by default English",
    }  # fmt: skip
    binary = {"schema": {"type": "string", "format": "binary"}}
    image = {"image/*": binary, "application/octet-stream": binary}
    several = {
        **image,
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "images": {
                        "type": "array",
                        "maxItems": limits.images,
                        "items": {"type": "string", "format": "binary"},
                    }
                },
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {
                    "images": {
                        "type": "array",
                        "maxItems": limits.images,
                        "items": {"type": "string", "contentEncoding": "base64"},
                    }
                },
            }
        },
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "cladenet serve", "version": __version__},
        "paths": {
            "/predict": {
                "post": _post(
                    "The likeliest classes of images", [model, top, budget, language], several
                )
            },
            "/explain": {"post": _post("Where the evidence lies", [model, label, language], image)},
            "/models": {"get": _get("The networks: classes, input, weights, metrics")},
            "/health": {"get": _get("200 while all threads answer, else 503")},
            "/ready": {"get": _get("200 when all networks are loaded, else 503")},
            "/metrics": {"get": _get("Counters for Prometheus")},
        },
        "components": {
            "schemas": {"Prediction": PREDICTION, "Answer": ANSWER, "Problem": PROBLEM},
        },
    }
    if token:
        schemes = {"token": {"type": "http", "scheme": "bearer"}}
        document["components"]["securitySchemes"] = schemes
        document["security"] = [{"token": []}]
    return document


def _get(summary: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "as it says"}}}


def _post(
    summary: str, parameters: list[dict[str, Any]], content: dict[str, Any]
) -> dict[str, Any]:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
    if summary.startswith("Where"):
        answer = {"application/json": {"schema": {"type": "object"}}}
    return {
        "summary": summary,
        "parameters": parameters,
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "answers", "content": answer},
            **{
                status: {"description": text, "content": refused}
                for status, text in PROBLEMS.items()
            },
        },
    }
