"""What timm's first page says."""

import timm

timm.create_model("tf_efficientnet_lite2", pretrained=True)
