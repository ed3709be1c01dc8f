"""What docs/speed.md says between its tables."""

HEAD = """# How fast, and how far from the limit

Written by `python benchmarks/speed_page.py --write` from `benchmarks/results/`; each section
names the command that measured it. `cladenet bench inference NAME`, `bench training`, `bench
input` and `bench limits` measure the same on your machine. Sides of one table took turns in one
run, each in a process of its own; figures are medians.
"""
LIMITS = """## The machine

| limit | figure |
|---|---|
{rows}

Arithmetic is the better of a matrix product and a 3x3 convolution, a multiply-accumulate counted
as two operations; memory counts what a copy reads and writes. A network that did nothing but its
MACs would run at 100 % of the peak of its precision, and no software can make it faster without
leaving some of them out.
"""
INFERENCE = """## Inference

`python benchmarks/inference.py`: same weights and images on all sides, logits compared before
speed. "times" is against torchvision's eager float32 in the same rounds, "of peak" counts the
network's MACs. A side's memory is the highest of its whole process, which builds the network in
torch first on every side. "ready after" is what our preparation took, once; that of
`cladenet-fastest` makes every engine ready and measures it, and its choice is remembered.

![times as fast as torchvision](speed.svg)
"""
INFERENCE_END = """What stands between a figure and 100 %:

- **Dense 3x3 networks** (ResNet, VGG): little. Their first and last layers have too few channels
  or images to fill the vector units, and each layer begins with waking the threads.
- **Light networks** (MobileNet, EfficientNet, ShuffleNet): memory. A depthwise convolution does 9
  to 25 MACs for each value that it reads and writes, where the peak needs hundreds;
  squeeze-and-excitation reads a map twice. Only fusing a depthwise layer with its neighbours, so
  that maps stay in the cache, would move these.
- **DenseNet**: every layer reads all maps before it again, and norms stand before convolutions,
  where they cannot be folded away.
- **ViT**: softmax, GELU and layer norm stand between the matrix products, and are memory and
  exponentials.
- **`cladenet-fastest` and the engine that it chose, used bare**, are two processes, and differ by
  up to 11 % here, either way.
- **Neighbours on the machine** slow eager torch, which packs its weights at every call, more than
  the others. Where torchvision's share of the peak is low the machine was not quiet, and "times" is
  flattered. In a quiet hour, with torchvision at 64 %, `cladenet` and `cladenet-fastest` were 1.34
  and 1.42 times as fast for ResNet-50 at one image, 2.42 and 2.73 in bf16, 3.86 and 4.95 in int8.
- **One image**: at batch 1 the weights are read once for each image. Where they exceed the cache,
  as VGG-16's 528 MB of float32 do, memory bandwidth divided by their size is a limit of its own.
"""
TRAINING = """## Training

`python benchmarks/training_step.py`: whole steps, forward, backward and SGD. "of peak" counts
three times the network's MACs.
"""
TRAINING_END = """Between these and the peak stand the passes that do no MACs: a batch norm in
training reads its map twice forward and twice backward, ReLU once each way, at the speed of
memory; the gradient of the first layers has few channels; weights change in every step and are
laid out anew for the kernels. Optimiser, moving average and casts move 44 bytes a weight: 13 ms of
ResNet-18's 175. torch.compile, which leaves our own kernels out, gains nothing here.
"""
INPUT = """## Input

`python benchmarks/input_pipeline.py`: images a second, of JPEGs and packed photographs as random
resized crops with mirror images. "of wall time" counts all cores that a side takes, "of processor
time" what one core does; "times" is in wall time, against the first side on the same images.
"""
INPUT_SHARES = """On one core, packed photographs arrive {resized:.1f} times as fast as timm's
from JPEGs with the same random resized crops, and {crops:.1f} times with crops of the packed size.
With 2 threads for all, input takes {shares}.
"""
INPUT_END = """A photograph that is decoded cannot arrive faster than its Huffman codes are
read{jpegs}: that is the limit of "decoding". The packed cache holds decoded pixels, and its limit
is resampling each crop and writing 0.6 MB of float32 an image (224 pixels). Images of one size in
memory are copied by whole windows, and writing the batch is all that is left.
"""
SPEEDRUN = """## The speed run

`python benchmarks/speedrun.py`: seconds of training on {images:,} images of CIFAR-10, input and
steps, until that share of 2,000 others is right, looked at after each epoch. The test images
decide nothing.
"""
START = """## Start-up

`python benchmarks/start_up.py`: processor time and highest memory of a fresh process, {rounds}
rounds.
"""
START_END = """The floor is Python itself with `argparse`. Commands that need no network import no
torch; listing them parses the ledger's 40 files of TOML, which is most of what `cladenet models`
takes. Building a network costs torch's own import, which nothing here can shorten, and the
drawing of its weights by torch's generator, one core, about 9 ns a weight for torch's own draw
and the paper's; loading a checkpoint draws none.
"""
MEMORY = """## Memory of a training step

`python benchmarks/activation_memory.py`: what one step adds, one thread.
"""
MEMORY_END = """The limit of a plain step is what the backward pass needs: the input of each
convolution and norm. Below it lies only computing again, at the cost of up to one more forward
pass.
"""
