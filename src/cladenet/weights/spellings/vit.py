"""The vision transformer: timm's and torchvision's names.

timm          cls_token  pos_embed  patch_embed.proj  blocks.{i}.norm1  attn.qkv  attn.proj
              norm2  mlp.fc1  mlp.fc2  norm  head
torchvision   class_token  encoder.pos_embedding  conv_proj  encoder.layers.encoder_layer_{i}.
              ln_1  self_attention.in_proj_  out_proj  ln_2  mlp.0  mlp.3  encoder.ln  heads.head
"""

from collections.abc import Iterator

from cladenet.layers.classifier import Classifier


def timm(model: Classifier) -> Iterator[str]:
    """timm's."""
    yield from ("patch_embed.proj", "cls_token", "pos_embed")
    for i in range(len(model.stages)):
        for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"):
            yield f"blocks.{i}.{part}"
    yield from ("norm", "head")


def torchvision(model: Classifier) -> Iterator[str]:
    """torchvision's."""
    yield from ("conv_proj", "class_token", "encoder.pos_embedding")
    attention = ("ln_1", "self_attention.in_proj_", "self_attention.out_proj")
    for i in range(len(model.stages)):
        for part in (*attention, "ln_2", "mlp.0", "mlp.3"):
            yield f"encoder.layers.encoder_layer_{i}.{part}"
    yield from ("encoder.ln", "heads.head")
