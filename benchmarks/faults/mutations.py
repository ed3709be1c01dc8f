"""Faults that leave every parameter count as it is, and the tests that should see each of them."""

from typing import NamedTuple

PAIRS = (
    "test_same_logits.py::test_every_kind_of_network_is_the_librarys_in_evaluation_and_in_training"
)
STARTS = "test_initial_std.py::test_every_layer_starts_as_its_release_draws_it"


class Mutation(NamedTuple):
    """One fault.

    Args:
        what: in words.
        file: in src/cladenet.
        old: text that occurs there once.
        new: what stands there instead.
        tests: files or tests in the folder of tests, the first that should fail first.
    """

    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def _pair(theirs: str) -> str:
    return f"{PAIRS}[{theirs}]"


def _start(name: str) -> str:
    return f"{STARTS}[{name}]"


V3 = "partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)"
MUTATIONS = (
    Mutation("an epsilon of 1e-5 for 1e-3", "models/mobilenet_v3.py", V3,
             "partial(nn.BatchNorm2d, eps=1e-5, momentum=0.01)",
             (_pair("torchvision/mobilenet_v3_small"),)),
    Mutation("a momentum of 0.1 for 0.01", "models/mobilenet_v3.py", V3,
             "partial(nn.BatchNorm2d, eps=1e-3, momentum=0.1)",
             (_pair("torchvision/mobilenet_v3_small"),)),
    Mutation("the epsilon of MXNet's norms 1e-5", "models/dpn.py", "eps=1e-3", "eps=1e-5",
             (_pair("timm/dpn68"),)),
    Mutation("ViT's epsilon 1e-5 for 1e-6", "models/vit.py", "partial(nn.LayerNorm, eps=1e-6)",
             "partial(nn.LayerNorm, eps=1e-5)", (_pair("timm/vit_small_patch32_224"),)),
    Mutation("ReLU for ReLU6 in MobileNetV2", "layers/conv.py",
             "relu6 = partial(nn.ReLU6, inplace=True)", "relu6 = partial(nn.ReLU, inplace=True)",
             (_pair("torchvision/mobilenet_v2"),)),
    Mutation("ReLU for ReLU6 in timm's mobilenetv1", "weights/sources.py",
             '{**TORCH_EPS, "activation": "relu6"}', "{**TORCH_EPS}",
             (_pair("timm/mobilenetv1_100"),)),
    Mutation("a sigmoid for the hard one in V3's gate", "models/mobilenet_v3.py",
             "nn.Hardsigmoid", "nn.Sigmoid", (_pair("torchvision/mobilenet_v3_small"),)),
    Mutation("ReLU for swish in EfficientNet", "models/efficientnet.py",
             "swish = partial(nn.SiLU, inplace=True)", "swish = partial(nn.ReLU, inplace=True)",
             (_pair("torchvision/efficientnet_b0"),)),
    Mutation("GELU by tanh for the exact one", "models/vit.py",
             'nn.GELU("tanh" if released else "none")', 'nn.GELU("tanh")',
             (_pair("timm/vit_small_patch32_224"),)),
    Mutation("a round for a floor: timm's short side", "weights/beside.py",
             "math.floor(size / seen", "round(size / seen",
             ("test_known_weights.py::test_a_repository_of_the_hub_says_what_it_is",)),
    Mutation("a floor for a round: channels at other widths", "layers/inverted_residual.py",
             "int(width + multiple / 2)", "int(width)",
             ("test_models.py::test_size_and_cost_are_the_ledgers[mobilenet_v2_x1_4]",)),
    Mutation("a pool's pad: a window over the edge for it", "layers/stages.py",
             "padded_pool = partial(nn.MaxPool2d, 3, stride=2, padding=1)",
             "padded_pool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)",
             (_pair("timm/resnet18"),)),
    Mutation("a pool that rounds down: SqueezeNet's first", "models/squeezenet.py",
             "            nn.MaxPool2d(3, 2, ceil_mode=True),", "            nn.MaxPool2d(3, 2),",
             ("test_squeezenet.py::test_each_pool_rounds_up_where_a_window_is_left_over",)),
    Mutation("v1.0's last convolution without its pad", "models/squeezenet.py",
             "self.padding = int(released and fires == V1_0)", "self.padding = 0",
             ("test_releases.py::test_squeezenet_1_0",)),
    Mutation("an average that counts the border", "models/inception.py",
             "def average_pool(count_include_pad: bool = False)",
             "def average_pool(count_include_pad: bool = True)", 
             ("test_inception_v4.py::test_logits_and_maps_are_those_of_timm",)),
    Mutation("an average that counts the border in a cell", "models/cells.py",
             "nn.AvgPool2d(3, stride, 1, count_include_pad=False)", "nn.AvgPool2d(3, stride, 1)",
             ("test_cell_networks.py::"
              "test_a_block_adds_what_its_operations_make_of_its_states",)),
    Mutation("the auxiliary classifier's pool rounds down", "models/googlenet.py",
             "nn.AvgPool2d(5, stride=3, ceil_mode=True)", "nn.AvgPool2d(5, stride=3)",
             ("test_googlenet.py::test_an_auxiliary_classifier_reads_the_edge_of_a_map_"
              "that_its_windows_do_not_divide",)),
    Mutation("drop path on a skip of a cell", "models/cells.py", "name not in SKIPS",
             'name != "identity"',
             ("test_cell_networks.py::"
              "test_what_passes_a_state_on_is_never_dropped_even_where_it_strides",)),
    Mutation("drop path on the skip of an inverted residual", "layers/inverted_residual.py",
             "return x + (residual if self.drop_path is None else self.drop_path(residual))",
             "return residual + (x if self.drop_path is None else self.drop_path(x))",
             (_pair("torchvision/efficientnet_b0"),)),
    Mutation("drop path one block early", "models/efficientnet.py",
             "DropPath(drop_path * i / sum(units_of))",
             "DropPath(drop_path * (i + 1) / sum(units_of))",
             (_pair("torchvision/efficientnet_b0"),)),
    Mutation("what drop path keeps is not scaled up", "layers/drop.py",
             ".to(residual.dtype).div(kept)", ".to(residual.dtype)", ("test_drop.py",)),
    Mutation("AlexNet's dropout before its layers", "models/alexnet.py",
             "[drop, *linear] if drop_inputs else [*linear, drop]", "[drop, *linear]",
             ("test_alexnet.py::test_dropout_follows_the_hidden_layers_"
              "and_in_the_single_tower_precedes_them",)),
    Mutation("no dropout before ViT's encoder", "models/vit.py",
             "self.drop = nn.Dropout(drop_rate)", "self.drop = nn.Identity()",
             (_pair("timm/vit_small_patch32_224"),)),
    Mutation("a fan-in for a fan-out", "layers/init.py",
             "std=math.sqrt(2 / of_all_groups)", "std=math.sqrt(2 / fan_in(layer))",
             (_start("densenet_bc_100_12_cifar"),)),
    Mutation("a fan-out for a fan-in", "layers/init.py",
             "nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_in(layer)))\n        _zero_bias",
             "nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out(layer)))\n        _zero_bias",
             (_start("resnet20_cifar"),)),
    Mutation("a fan-out of all groups for that of one", "layers/init.py",
             "nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out(layer)))",
             "nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out(layer) / layer.groups))",
             (_start("mnasnet_small"),)),
    Mutation("LRN's alpha over one map for five", "layers/response_norm.py",
             ".mul_(alpha / size)", ".mul_(alpha)", 
             ("test_alexnet.py::"
              "test_response_normalisation_is_the_printed_formula_with_its_sum_not_divided",)),
    Mutation("TensorFlow's odd zero above and to the left", "surgery/same_padding.py",
             "return width // 2, width - width // 2, height // 2, height - height // 2",
             "return width - width // 2, width // 2, height - height // 2, height // 2",
             (_pair("timm/tf_mobilenetv3_small_075"),)),
    Mutation("channels shuffled by the other factor", "layers/shuffle.py",
             "return torch.channel_shuffle(x, self.groups)",
             "return torch.channel_shuffle(x, x.shape[1] // self.groups)",
             (_pair("torchvision/shufflenet_v2_x0_5"),)),
    Mutation("the shortcut projects x, not its activation", "models/wide_resnet.py",
             "x if self.project is None else self.project(activated)",
             "x if self.project is None else self.project(x)", 
             ("test_wide_resnet.py::test_logits_are_those_of_the_cifar_net_written_out",)),
    Mutation("the stride in the other convolution", "models/resnet.py",
             "(1, stride) if self.strides_in_3x3 else (stride, 1)", "(stride, 1)",
             (_pair("timm/seresnet50"),)),
    Mutation("a maximum for an average between dense blocks", "models/densenet.py",
             "            nn.AvgPool2d(2),", "            nn.MaxPool2d(2),",
             (_pair("timm/densenet121"),)),
    Mutation("Xception's first unit rectified", "models/xception.py",
             "unit((64, 128, 128), 2, rectified=False)", "unit((64, 128, 128), 2)",
             (_pair("timm/legacy_xception"),)),
    Mutation("a residual that is not scaled", "models/inception_resnet.py",
             "self.act(x + self.scale * self.residual(x))", "self.act(x + self.residual(x))",
             ("test_inception_resnet.py::test_logits_and_maps_are_those_of_timm",)),
    Mutation("survival of all units alike", "models/stochastic_depth.py",
             "1 - next(numbers) / units * (1 - last_survival)", "last_survival",
             ("test_stochastic_depth.py::test_survival_falls_linearly_from_1_to_p_last",)),
    Mutation("the columns of most weight pruned", "models/learned_group.py",
             "size.sort(dim=1, stable=True)", "size.sort(dim=1, stable=True, descending=True)",
             
             ("test_condensenet.py::"
              "test_each_group_lets_go_of_the_inputs_that_matter_least_to_it",)),
)  # fmt: skip
