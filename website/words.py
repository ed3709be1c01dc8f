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
    "colon": ": ",
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
    "experiments": "Experiments",
    "experiments_text": (
        "What papers claim of this family, as trainings that are compared: "
        "`cladenet experiment NAME --data cifar10:DATA`."
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
    "built_with": "built with",
    "modes": "modes",
    "images": "image sides",
    "difference": "largest difference",
    "on_purpose": "Differs on purpose",
    "differs": "{}: here {}; there {}. {}",
    "notes": "Notes",
    "source": "source",
    "optimizer": "optimiser",
    "optimizer_text": "{}, lr {}, momentum {}, weight decay {}",
    "steps": "{} steps",
    "epochs": "{} epochs",
    "batch": "batch",
    "schedule": "schedule",
    "length": "length",
    "explorer_link": "See it in [the family tree](../tree.html#{family}).",
    "other_language": "中文",
    "block_origin": "{origin}; see {family}. Builds on: {ancestors}.",
    "block_text": "The same as text",
    "block_code": "The code",
    "block_run": "Run it",
    "output": "output",
    "of_a_convolution": "of a 3x3 convolution",
    "notebook": "To run it: `jupyter lab {file}` in a clone.",
    "commands": "Commands",
    "commands_intro": "Every command of `cladenet`, with all that it takes.",
    "commands_more": (
        "Exit statuses are the same for all of them: [Exit statuses](../exit-codes.md). The "
        "options that `cladenet train` takes as `key=value` words are on a page of their own: "
        "[Options of a run](options.md)."
    ),
    "commands_runs": "Runs",
    "commands_datasets": "Datasets",
    "commands_networks": "Networks",
    "commands_search": "Search",
    "commands_study": "Study",
    "commands_weights": "Weights",
    "commands_serving": "Serving",
    "commands_machine": "Machine",
    "command": "command",
    "arguments": "Arguments",
    "argument": "argument",
    "takes": "takes",
    "default": "default",
    "what_it_does": "what it does",
    "or": " or ",
    "may_be_left_out": " (may be left out)",
    "options": "Options of a run",
    "options_intro": (
        "`cladenet train` takes each of these as a `key=value` word or as an option: `lr=0.05` is "
        "`--lr 0.05`. `cladenet.train` takes them as keyword arguments, and a `--config` file as "
        "lines. `model.KEY=VALUE` sets an argument of the network."
    ),
    "options_run": "The run",
    "options_recipe": "The recipe",
    "key": "key",
    "type": "type",
    "meaning": "meaning",
    "python_intro": (
        "`import cladenet` gives these names; what the commands do, they do. Nothing imports torch "
        "until it is needed."
    ),
    "python_modules": "`cladenet` modules",
    "python_modules_intro": "Modules that lie beside the packages.",
    "python_name": "name",
}

CHINESE = {
    "families": "网络家族",
    "families_intro": (
        "从 LeNet 到 ViT，共 {count} 个家族、{variants} 个网络。每一页讲清这个家族的思想、"
        "论文中的结构表、各个变体的参数量、计算量与错误率，以及如何在这里训练它。[家族树](../tree.html)按时间展示它们的关系。"
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
    "colon": "：",
    "root": "无：家族树从这里开始",
    "unit": "基本单元",
    "unit_text": "由网络 `{name}` 的实际计算图自动绘制：箭头表示特征图及其通道数。",
    "unit_layers": "`{name}` 的各层（取自账本）：",
    "table": "论文中的结构表（与代码一致）",
    "code": "取自 `{module}` 的文档字符串。",
    "variants": "变体",
    "network": "网络",
    "input": "输入",
    "params": "参数量",
    "macs": "乘加次数（MACs）",
    "printed_error": "论文错误率 %",
    "protocol": "评估条件",
    "printed_params": "论文参数量",
    "counts": (
        "参数量和乘加次数都是实际数出来的，测试逐位核对；错误率取自论文，评估方式也是论文的。"
        "标有“凭记忆”的数字尚未重新查证。"
    ),
    "measured": "实测",
    "measured_text": "使用公开权重，由 `cladenet evaluate` 测得：",
    "not_measured": "这个家族还没有用公开权重实测过错误率。",
    "weights": "权重",
    "recipe": "训练配方",
    "recipe_text": "论文的训练设置，见 `cladenet recipes {name}`：",
    "no_recipe": "账本里没有论文的训练配方，可用 `--recipe default` 训练。",
    "train": "在这里训练",
    "train_text": (
        "第一行只打印步数、时间和内存，并不训练；第二行在有公开权重时从公开权重开始微调。"
    ),
    "experiments": "实验",
    "experiments_text": (
        "论文关于这个家族的论断，以可以比较的训练来验证："
        "`cladenet experiment NAME --data cifar10:DATA`。"
    ),
    "fidelity": "一致性核对",
    "fidelity_text": (
        "两边使用同一组随机权重，比较输出的 logits；差异取最大值，以最大的 logit 为单位。"
    ),
    "not_compared": "没有可比较的其他实现：该家族的测试按论文逐个函数重写并核对。",
    "compared_with": "对照实现",
    "built_with": "构建参数",
    "modes": "模式",
    "images": "图像边长",
    "difference": "最大差异",
    "on_purpose": "有意的不同",
    "differs": "{}：这里{}；对方{}。{}",
    "notes": "备注",
    "source": "出处",
    "optimizer": "优化器",
    "optimizer_text": "{}，学习率 {}，动量 {}，权重衰减 {}",
    "steps": "{} 步",
    "epochs": "{} 轮",
    "batch": "批大小",
    "schedule": "学习率策略",
    "length": "时长",
    "explorer_link": "在[家族树](../tree.html#{family})中查看。",
    "other_language": "English",
    "block_origin": "出处：{origin}；见 {family}。建立在：{ancestors}。",
    "block_text": "同样的内容，文本形式",
    "block_code": "代码",
    "block_run": "运行它",
    "output": "输出",
    "of_a_convolution": "相当于 3x3 卷积",
    "notebook": "在克隆的仓库里运行：`jupyter lab {file}`。",
    "commands": "命令",
    "commands_intro": "`cladenet` 的每条命令，以及它接受的全部参数。",
    "commands_more": (
        "所有命令的退出状态相同：[退出状态](../exit-codes.md)。`cladenet train` 以 `key=value` "
        "形式接受的选项单独列在一页：[训练选项](options.md)。"
    ),
    "commands_runs": "训练与评估",
    "commands_datasets": "数据集",
    "commands_networks": "网络",
    "commands_search": "搜索",
    "commands_study": "实验与解释",
    "commands_weights": "权重",
    "commands_serving": "服务",
    "commands_machine": "机器",
    "command": "命令",
    "arguments": "参数",
    "argument": "参数",
    "takes": "取值",
    "default": "默认值",
    "what_it_does": "作用",
    "or": " 或 ",
    "may_be_left_out": "（可以省略）",
    "options": "训练选项",
    "options_intro": (
        "`cladenet train` 以 `key=value` 或选项的形式接受以下每一项：`lr=0.05` 就是 `--lr 0.05`。"
        "`cladenet.train` 以关键字参数接受，`--config` 文件逐行写。"
        "`model.KEY=VALUE` 设置网络的参数。"
    ),
    "options_run": "训练本身",
    "options_recipe": "训练配方",
    "key": "键",
    "type": "类型",
    "meaning": "含义",
    "python_intro": (
        "`import cladenet` 提供以下名称；命令能做的，它们都能做。用到时才会导入 torch。"
        "异常信息是英文，便于搜索；代码和签名与源码一致。"
    ),
    "python_modules": "`cladenet` 的单个模块",
    "python_modules_intro": "与各个包并列的模块。",
    "python_name": "名称",
}

WORDS: dict[Language, dict[str, str]] = {"en": ENGLISH, "zh": CHINESE}
