"""The recipes of the light networks: SqueezeNet, MobileNet, MnasNet, ShuffleNet, IGC, CondenseNet,
EfficientNet."""

from dataclasses import replace

from cladenet.recipes.recipe import Recipe

_CROPS = "Crops have 8 to 100 % of the area and aspects of 3/4 to 4/3, images resized bilinearly"
_INCEPTION_STYLE = "Distortions of colour change brightness, contrast and saturation by up to 40 %"

SQUEEZENET = Recipe(
    source=(
        "Iandola et al. 2016, arXiv:1602.07360, Sec. 4 and the authors' Caffe solver: SGD, "
        "momentum 0.9, 0.04 falling linearly to 0 in 170,000 steps, batch 512 in 16 parts of 32, "
        "weight decay 2e-4; random crops of 227 pixels, mirror images, the mean subtracted"
    ),
    departs="the short side of an image is 256 before the crop; Caffe stretches all to 256x256",
    steps=170_000,
    batch_size=512,
    accumulate=16,
    lr=0.04,
    weight_decay=2e-4,
    schedule="linear",
    normalise="mean",
    crop="jitter",
    short_side=(256, 256),
    flip=0.5,
)

MOBILENET_V1 = Recipe(
    source=(
        "Howard et al. 2017, arXiv:1704.04861, Sec. 3.2: RMSProp as for Inception-v3, less "
        "augmentation, little or no weight decay on depthwise filters. Rate 0.045 and its fall by "
        "2 % each epoch: Sandler et al. 2018, of this net"
    ),
    departs=(
        "length, batch and decay are not printed: 480 epochs of batches of 96 and 4e-5 as for "
        "MobileNetV2, on all weights but not on norms. One process in place of asynchronous ones. "
        "Crops have 25 to 100 % of the area, for the crops that are less small"
    ),
    epochs=480,
    batch_size=96,
    optimizer="rmsprop",
    lr=0.045,
    weight_decay=4e-5,
    decay_all=False,
    schedule="exponential",
    drop_parts=480,
    drop_factor=0.98,
    normalise="half",
    crop="resized",
    scale=(0.25, 1.0),
    flip=0.5,
)

MOBILENET_V2 = replace(
    MOBILENET_V1,
    source=(
        "Sandler et al. 2018, arXiv:1801.04381, Sec. 6.1: RMSProp with decay and momentum 0.9, "
        "0.045 falling by 2 % each epoch, batch 96, weight decay 4e-5; TF-Slim's README: label "
        "smoothing 0.1, average of the weights 0.9999, crops and colours of Inception"
    ),
    departs=(
        "the length is not printed: 480 epochs, where the rate is 0.006 % of the first. One "
        f"process in place of 16 asynchronous ones. {_INCEPTION_STYLE}. {_CROPS}"
    ),
    decay_all=True,
    label_smoothing=0.1,
    ema=0.9999,
    scale=(0.08, 1.0),
    colour_jitter=0.4,
)

MNASNET = Recipe(
    source=(
        "Tan et al. 2019, arXiv:1807.11626, Sec. 5 and the authors' code: RMSProp with decay and "
        "momentum 0.9, from 0 to 0.256 in 5 epochs, then 3 % less every 2.4 of 350 epochs, batch "
        "4096, weight decay 1e-5, label smoothing 0.1, average of the weights 0.9999; crops of "
        "Inception"
    ),
    departs=(
        "the rate falls every 2.397 epochs, 146 times in all. RMSProp's epsilon 0.001, from memory "
        f"of the code. Dropout 0.2 is the network's. {_CROPS}"
    ),
    epochs=350,
    batch_size=4096,
    optimizer="rmsprop",
    lr=0.256,
    rms_epsilon=0.001,
    weight_decay=1e-5,
    schedule="exponential",
    drop_parts=146,
    drop_factor=0.97,
    warmup=5 / 350,
    label_smoothing=0.1,
    ema=0.9999,
    normalise="imagenet",
    crop="resized",
    flip=0.5,
)

MOBILENET_V3 = replace(
    MNASNET,
    source=(
        "Howard et al. 2019, arXiv:1905.02244, Sec. 6.1.1: synchronous RMSProp, momentum 0.9, rate "
        "0.1, batch 4096, weight decay 1e-5, average of the weights 0.9999; crops of Inception"
    ),
    departs=(
        'the printed "decay rate of 0.01 every 3 epochs" is read as 1 % less every 3 epochs, since '
        "a hundredth would end the training at once. The length is not printed: 600 epochs. "
        f"Dropout 0.2, printed as 0.8, is the network's. Epsilon 1.0 as in TF-Slim. {_CROPS}"
    ),
    epochs=600,
    lr=0.1,
    rms_epsilon=1.0,
    drop_parts=200,
    drop_factor=0.99,
    warmup=0.0,
    label_smoothing=0.0,
    normalise="half",
)

EFFICIENTNET = replace(
    MNASNET,
    source=(
        "Tan, Le 2019, arXiv:1905.11946, Sec. 5.2: RMSProp with decay and momentum 0.9, 0.256 "
        "falling by 3 % every 2.4 epochs, weight decay 1e-5, AutoAugment; the authors' code: 350 "
        "epochs, 5 of warm-up, batch 4096 at this rate (0.016 for 256 images), label smoothing "
        "0.1, average of the weights 0.9999"
    ),
    departs=(
        "the rate falls every 2.397 epochs, 146 times in all. Dropout (0.2 to 0.5) and drop path "
        "are the network's. The last version's early stopping on 25,000 images is the best epoch "
        f"of val=0.02. {_CROPS}, not bicubically"
    ),
    policy="autoaugment_imagenet",
)

SHUFFLENET_V1 = Recipe(
    source=(
        "Zhang, Zhou, Lin, Sun 2018, arXiv:1707.01083, Sec. 4: as ResNeXt, but weight decay 4e-5, "
        "0.5 falling linearly to 0 in 300,000 steps, batch 1024, milder scale augmentation"
    ),
    departs=(
        "how mild is not printed: crops have 25 to 100 % of the area. Nesterov momentum as in "
        "ResNeXt's code; colours are left alone"
    ),
    steps=300_000,
    batch_size=1024,
    lr=0.5,
    nesterov=True,
    weight_decay=4e-5,
    schedule="linear",
    crop="resized",
    scale=(0.25, 1.0),
    flip=0.5,
)

SHUFFLENET_V2 = replace(
    SHUFFLENET_V1,
    source=(
        "Ma, Zhang, Zheng, Sun 2018, arXiv:1807.11164, Sec. 4: as ShuffleNet v1 in everything; the "
        "authors' code: dropout 0.2 at width 2x, which is the network's"
    ),
)

IGCV1_CIFAR = Recipe(
    source=(
        "Zhang, Qi, Xiao, Wang 2017, arXiv:1707.02725 and the authors' MXNet code: Nesterov "
        "momentum 0.9, 0.1 divided by 10 at 1/2, 3/4 and 7/8 of 400 epochs, batch 64, weight decay "
        "1e-4; crops with 4 pixels of padding, mirror images"
    ),
    departs="nothing that is known",
    epochs=400,
    batch_size=64,
    lr=0.1,
    nesterov=True,
    weight_decay=1e-4,
    schedule="step",
    drop_at=(1 / 2, 3 / 4, 7 / 8),
    drop_to=(0.1, 0.01, 0.001),
    crop="pad",
    flip=0.5,
)

IGCV1_IMAGENET = replace(
    IGCV1_CIFAR,
    source=(
        "Zhang, Qi, Xiao, Wang 2017, arXiv:1707.02725 and the authors' MXNet code: Nesterov "
        "momentum 0.9, 0.1 divided by 10 every 30 of 95 epochs, batch 256, weight decay 1e-4; "
        "heavy augmentation"
    ),
    departs=(
        "the augmentation is not described: crops of 8 to 100 % of the area with aspects of 3/4 to "
        "4/3, brightness, contrast and saturation changed by up to 40 %, PCA colour noise 0.1"
    ),
    epochs=95,
    batch_size=256,
    drop_at=(30 / 95, 60 / 95, 90 / 95),
    crop="resized",
    colour_jitter=0.4,
    pca_colour=0.1,
)

IGCV3_IMAGENET = Recipe(
    source=(
        "Sun, Li, Liu, Wang 2018, arXiv:1806.00178, Sec. 4 and the authors' MXNet code: SGD, 0.045 "
        "falling by 2 % each of 480 epochs, batch 96, weight decay 4e-5; crops at scales of 0.533 "
        "to 1, mirror images"
    ),
    departs=(
        "momentum 0.9, which is not printed. A scale of 0.533 is 28.4 % of the area; aspects "
        "change too, from 3/4 to 4/3"
    ),
    epochs=480,
    batch_size=96,
    lr=0.045,
    weight_decay=4e-5,
    schedule="exponential",
    drop_parts=480,
    drop_factor=0.98,
    crop="resized",
    scale=(0.533**2, 1.0),
    flip=0.5,
)

IGCV3_CIFAR = replace(
    IGCV1_CIFAR,
    source="Sun, Li, Liu, Wang 2018, arXiv:1806.00178: CIFAR results without a recipe of their own",
    departs="that of the first paper, IGCV1, in all numbers",
)

_CONDENSENET = (
    "Huang, Liu, van der Maaten, Weinberger 2018, arXiv:1711.09224, Sec. 4 and the authors' code: "
    "Nesterov momentum 0.9, from 0.1 by a cosine to 0, weight decay 1e-4, "
)

CONDENSENET_CIFAR = Recipe(
    source=_CONDENSENET + "batch 64, 300 epochs; shifts of 4 pixels, mirror images; no group lasso",
    departs=(
        "the linear layer prunes half its inputs in the middle of training, as in Sec. 4.3, "
        "not when the network is converted"
    ),
    epochs=300,
    batch_size=64,
    lr=0.1,
    nesterov=True,
    weight_decay=1e-4,
    schedule="cosine",
    crop="pad",
    flip=0.5,
)

CONDENSENET_182_CIFAR = replace(
    CONDENSENET_CIFAR,
    source=_CONDENSENET + "batch 64, 600 epochs for 182 layers; shifts, mirror images",
    epochs=600,
)

CONDENSENET_IMAGENET = replace(
    CONDENSENET_CIFAR,
    source=_CONDENSENET + "batch 256, 120 epochs, group lasso 1e-5; crops of random size, mirrors",
    departs="crops have 8 to 100 % of the area and aspects of 3/4 to 4/3",
    epochs=120,
    batch_size=256,
    group_lasso=1e-5,
    crop="resized",
)

RECIPES = {
    "squeezenet": SQUEEZENET,
    "mobilenet_v1": MOBILENET_V1,
    "mobilenet_v2": MOBILENET_V2,
    "mobilenet_v3": MOBILENET_V3,
    "mnasnet": MNASNET,
    "efficientnet": EFFICIENTNET,
    "shufflenet_v1": SHUFFLENET_V1,
    "shufflenet_v2": SHUFFLENET_V2,
    "igcv1_cifar": IGCV1_CIFAR,
    "igcv1_imagenet": IGCV1_IMAGENET,
    "igcv3_cifar": IGCV3_CIFAR,
    "igcv3_imagenet": IGCV3_IMAGENET,
    "condensenet_cifar": CONDENSENET_CIFAR,
    "condensenet_182_cifar": CONDENSENET_182_CIFAR,
    "condensenet_imagenet": CONDENSENET_IMAGENET,
}
