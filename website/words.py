"""The words that generated pages and the explorer show, in both languages of the site.

A test compares the keys, so that no text is left in one language.
"""

from typing import Literal

Language = Literal["en", "zh"]

ENGLISH = {
    "families": "Network families",
    "families_intro": (
        "{count} families and {variants} networks, from LeNet to ViT. A page has the idea, the "
        "paper's table, every variant with its size, cost and errors, and how to train it here. "
        "[The family tree](../tree.html) shows them on a line of time."
    ),
    "family": "family",
    "year": "year",
    "networks": "networks",
    "idea": "the idea",
    "learner": "The idea, for a learner",
    "expert": "The idea, for an expert",
    "where": "Where it stands",
    "parent": "builds on",
    "took": "took from {family}",
    "gave": "gave to {family}",
    "children": "led to",
    "nothing": "nothing",
    "root": "nothing: the tree begins here",
    "unit": "The unit",
    "unit_text": (
        "Drawn from the traced network `{name}`: arrows are feature maps, with their channels."
    ),
    "unit_layers": "The layers of `{name}`, as the ledger has them:",
    "table": "The paper's table, as the code has it",
    "code": "From the docstring of `{module}`.",
    "variants": "Variants",
    "network": "network",
    "input": "input",
    "params": "params",
    "macs": "MACs",
    "printed_error": "printed error %",
    "protocol": "printed for",
    "printed_params": "printed params",
    "counts": (
        "Parameters and multiply-accumulates are counted, and tests hold them to the digit; errors "
        "are the papers', under the papers' protocols. `from memory` marks a figure that was not "
        "looked up again."
    ),
    "measured": "Measured",
    "measured_text": "With published weights, by `cladenet evaluate`:",
    "not_measured": "No error of this family has been measured here with published weights.",
    "weights": "weights",
    "recipe": "Recipe",
    "recipe_text": "The paper's training, `cladenet recipes {name}`:",
    "no_recipe": "The ledger has no recipe from the paper; `--recipe default` trains the family.",
    "train": "Train it here",
    "train_text": (
        "The first line prints steps, time and memory and trains nothing; the second starts from "
        "published weights where there are some."
    ),
    "fidelity": "Fidelity",
    "fidelity_text": (
        "What each network was compared with, with the same random weights in both. Differences "
        "are the largest between the logits, in units of the largest logit. "
        "[How](../fidelity.md) this was done."
    ),
    "not_compared": (
        "Compared with no other implementation: the tests of the family write its functions out "
        "from the paper."
    ),
    "compared_with": "compared with",
    "images": "image sides",
    "difference": "largest difference",
    "on_purpose": "Differs on purpose",
    "notes": "Notes",
    "source": "source",
    "optimizer": "optimiser",
    "batch": "batch",
    "schedule": "schedule",
    "length": "length",
    "explorer_link": "See it in [the family tree](../tree.html#{family}).",
    "other_language": "中文",
}

CHINESE = {
    "families": "网络家族",
    "families_intro": (
        "从 LeNet 到 ViT，共 {count} 个家族、{variants} 个网络。每一页讲清这个家族的思想、"
        "论文中的结构表、各个变体的参数量、计算量与误差，以及如何在这里训练它。[家族树](../tree.html)按时间展示它们的关系。"
    ),
    "family": "家族",
    "year": "年份",
    "networks": "网络数",
    "idea": "核心思想",
    "learner": "核心思想：写给初学者",
    "expert": "核心思想：写给内行",
    "where": "来龙去脉",
    "parent": "建立在",
    "took": "借鉴自 {family}",
    "gave": "影响了 {family}",
    "children": "后继",
    "nothing": "无",
    "root": "无：家族树从这里开始",
    "unit": "基本单元",
    "unit_text": "由网络 `{name}` 的实际计算图自动绘制：箭头表示特征图及其通道数。",
    "unit_layers": "`{name}` 的各层（取自数据台账）：",
    "table": "论文中的结构表（与代码一致）",
    "code": "取自 `{module}` 的文档字符串（英文）。",
    "variants": "变体",
    "network": "网络",
    "input": "输入",
    "params": "参数量",
    "macs": "乘加次数（MACs）",
    "printed_error": "论文误差 %",
    "protocol": "评测条件",
    "printed_params": "论文参数量",
    "counts": (
        "参数量和乘加次数都是实际数出来的，测试逐位核对；误差取自论文，评测方式也是论文的。"
        "标有 `from memory` 的数字尚未重新查证。"
    ),
    "measured": "实测",
    "measured_text": "使用公开权重，由 `cladenet evaluate` 测得：",
    "not_measured": "这个家族还没有用公开权重实测过误差。",
    "weights": "权重",
    "recipe": "训练方案",
    "recipe_text": "论文的训练设置，见 `cladenet recipes {name}`：",
    "no_recipe": "台账里没有论文的训练方案，可用 `--recipe default` 训练。",
    "train": "在这里训练",
    "train_text": (
        "第一行只打印步数、时间和内存，并不训练；第二行在有公开权重时从公开权重开始微调。"
    ),
    "fidelity": "一致性核对",
    "fidelity_text": (
        "两边使用同一组随机权重，比较输出的 logits；差异取最大值，以最大的 logit 为单位。"
    ),
    "not_compared": "没有可比较的其他实现：该家族的测试按论文逐个函数重写并核对。",
    "compared_with": "对照实现",
    "images": "图像边长",
    "difference": "最大差异",
    "on_purpose": "有意的不同",
    "notes": "备注",
    "source": "出处",
    "optimizer": "优化器",
    "batch": "批大小",
    "schedule": "学习率策略",
    "length": "时长",
    "explorer_link": "在[家族树](../tree.html#{family})中查看。",
    "other_language": "English",
}

WORDS: dict[Language, dict[str, str]] = {"en": ENGLISH, "zh": CHINESE}
