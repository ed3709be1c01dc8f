"""The words of the family-tree page, in both languages; its script gets them as one object."""

from website.words import Language

ENGLISH = {
    "title": "The family tree of image classifiers",
    "intro": (
        "Each dot is a network at the date of its paper; a curve leads from the family that an "
        "idea came from. Choose a network to see its layers, its receptive field and what each "
        "layer costs; choose a second one to see what changed."
    ),
    "keys": (
        "Keys in the drawing: left and right go to the next network, up and down to the next "
        "family, Enter chooses, C compares with the chosen one. Shift and a click compare, too."
    ),
    "home": "Home", "tutorials": "Tutorials", "families": "Families", "blocks": "Blocks",
    "commands": "Commands", "other": "中文", "skip": "Skip to the drawing", "navigation": "Site",
    "controls": "Filter and choose", "drawing": "Networks by date",
    "upwards": "Upwards", "lineage": "lineage", "params": "params", "error": "printed error",
    "size": "Dot size", "equal": "equal", "data": "Error on", "idea": "Name or idea",
    "max_macs": "MACs up to (million)", "max_error": "Error up to (%)", "from": "From year",
    "to": "To year", "first": "Network", "second": "Compare with", "beside": "A click compares",
    "reset": "Start again", "as_table": "As a table", "shown": "{count} of {all} networks",
    "chosen": "Chosen: {names}",
    "unknown": "No network is called {name}.", "no_error": "no printed error",
    "nothing_chosen": "No network is chosen.", "network": "network", "family": "family",
    "year": "year", "input": "input", "protocol": "printed for", "stage": "part",
    "stages": "Parts with their outputs and costs", "output": "output", "units": "units",
    "field": "receptive field", "whole": "the whole image", "of": "of", "pixels": "pixels",
    "layers": "Layers", "costs": "Cost by unit", "changed": "changed", "beside_word": "and",
    "costs_label": "MACs of each unit of {name}; the most, {macs}, in {unit}",
    "family_page": "All about {title}", "common": "Their common ancestor is {title}.",
    "took_from": "{one} took from {other}: {what}.",
    "unit_drawing": "The unit of {name}, drawn from its traced graph",
    "lineages": "Colours",
    "note": (
        "Params and MACs are counted; errors are the papers', under the papers' protocols. "
        "Networks without a printed error on a data set are left out where errors go upwards."
    ),
}  # fmt: skip

CHINESE = {
    "title": "图像分类网络的家族树",
    "intro": (
        "每个圆点是一个网络，横轴是论文发表时间；曲线从思想的来源家族连到后继家族。点选一个网络，"
        "可以看到它的各层、感受野如何逐层扩大、计算量花在哪里；再选一个，就能并排比较两者的差别。"
    ),
    "keys": (
        "键盘操作：左右方向键切换网络，上下方向键切换家族，回车选中，按 C 与已选网络比较；"
        "按住 Shift 点击也可比较。"
    ),
    "home": "首页", "tutorials": "教程", "families": "网络家族", "blocks": "模块",
    "commands": "命令", "other": "English", "skip": "跳到图", "navigation": "站点",
    "controls": "筛选与选择", "drawing": "按时间排列的网络",
    "upwards": "纵轴", "lineage": "家族", "params": "参数量", "error": "论文错误率",
    "size": "圆点大小", "equal": "相同", "data": "错误率所用数据集", "idea": "名称或思想",
    "max_macs": "MACs 上限（百万）", "max_error": "错误率上限（%）", "from": "起始年份",
    "to": "截止年份", "first": "网络", "second": "比较对象", "beside": "点击即比较",
    "reset": "重新开始", "as_table": "表格形式", "shown": "共 {all} 个网络，显示 {count} 个",
    "chosen": "已选：{names}",
    "unknown": "没有名为 {name} 的网络。", "no_error": "论文未给出错误率",
    "nothing_chosen": "尚未选择网络。", "network": "网络", "family": "家族",
    "year": "年份", "input": "输入", "protocol": "评估条件", "stage": "部分",
    "stages": "各部分的输出与开销", "output": "输出", "units": "单元数",
    "field": "感受野", "whole": "整幅图像", "of": "/", "pixels": "像素",
    "layers": "各层", "costs": "各单元的计算量", "changed": "有变化", "beside_word": "与",
    "costs_label": "{name} 各单元的 MACs；最大的是 {unit}，为 {macs}",
    "family_page": "关于 {title} 的一切", "common": "它们的共同祖先是 {title}。",
    "took_from": "{one} 借鉴了 {other}：{what}。",
    "unit_drawing": "{name} 的基本单元，由其计算图自动绘制",
    "lineages": "颜色",
    "note": (
        "参数量和 MACs 都是实际数出来的；错误率取自论文，评估方式也是论文的。"
        "纵轴为错误率时，论文没有在该数据集上给出错误率的网络不显示。"
    ),
}  # fmt: skip

TREE_WORDS: dict[Language, dict[str, str]] = {"en": ENGLISH, "zh": CHINESE}
