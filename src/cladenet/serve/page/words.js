// The words of the pages in English and Chinese. An element with data-word="x" shows the word x.
"use strict";

const WORDS = {
  en: {
    skip: "Skip to the answers", models: "Networks", drop: "Drop a picture here, or paste one",
    choose: "Choose a picture", camera: "Camera", snap: "Take the picture", close: "Close",
    strength: "Evidence", history: "Earlier pictures", forget: "Forget all",
    private: "They stay in this browser; the server keeps none.",
    keys: "Keys", "key-open": "open", "key-camera": "camera", "key-evidence": "evidence",
    "key-networks": "networks", "key-language": "language", counters: "counters",
    looking: "looking …", evidenceFor: "what speaks for {class}, {model}",
    ask: "show what speaks for {class}", noCamera: "The camera cannot be used: {why}",
    noAnswer: "The server does not answer: {why}", noPicture: "That is no picture.",
    waits: "The network is being loaded …", none: "Choose a network.",
    smaller: "sent as {width} × {height}, as the file is larger than the server takes",
    answeredBy: "by {who}",
    runs: "Runs", run: "run", network: "network", state: "state", epoch: "epoch",
    best: "lowest error", speed: "images/s", time: "time", report: "Report", stop: "Stop",
    training: "training", finished: "finished", stopped: "stopped", stopping: "stopping …",
    noRuns: "There are no runs yet. They appear here when a training begins.",
    loss: "Loss", error: "Error, %", lr: "Learning rate", held: "held out", seen: "training",
    sure: "Stop the training of {run}? It keeps a checkpoint and can be resumed.",
    lost: "The connection is lost; trying again …", step: "step",
    curves: "Curves", chooseRuns: "Choose runs to see their curves.",
    legend: "solid: held-out images; dashed: training images",
  },
  zh: {
    skip: "跳到结果", models: "网络", drop: "把图片拖到这里，或直接粘贴",
    choose: "选择图片", camera: "相机", snap: "拍照", close: "关闭",
    strength: "依据", history: "之前的图片", forget: "全部清除",
    private: "只保存在此浏览器中，服务器不保留。",
    keys: "快捷键", "key-open": "打开", "key-camera": "相机", "key-evidence": "依据",
    "key-networks": "网络", "key-language": "语言", counters: "计数",
    looking: "识别中…", evidenceFor: "{model} 判断为“{class}”的依据",
    ask: "显示“{class}”的依据", noCamera: "无法使用相机：{why}",
    noAnswer: "服务器没有应答：{why}", noPicture: "这不是图片。",
    waits: "网络正在加载…", none: "请选择一个网络。",
    smaller: "文件超过服务器上限，已缩小为 {width} × {height} 发送",
    answeredBy: "由 {who} 给出",
    runs: "训练", run: "训练", network: "网络", state: "状态", epoch: "轮次",
    best: "最低错误率", speed: "图/秒", time: "用时", report: "报告", stop: "停止",
    training: "训练中", finished: "已完成", stopped: "已停止", stopping: "正在停止…",
    noRuns: "还没有训练。训练开始后会显示在这里。",
    loss: "损失", error: "错误率 %", lr: "学习率", held: "验证集", seen: "训练集",
    sure: "停止 {run} 的训练？会保存检查点，之后可以继续。",
    lost: "连接中断，正在重试…", step: "步",
    curves: "曲线", chooseRuns: "选择要查看的训练。",
    legend: "实线：验证集；虚线：训练集",
  },
};

const kept = (() => {
  try { return localStorage.getItem("cladenet-language"); } catch { return null; }
})();
let language = kept || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");

function word(name, values = {}) {
  const text = WORDS[language][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function speak(to) {
  language = to;
  try { localStorage.setItem("cladenet-language", to); } catch { /* a private window */ }
  document.documentElement.lang = to === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
  const button = document.getElementById("language");
  button.textContent = to === "zh" ? "English" : "中文";
  button.lang = to === "zh" ? "en" : "zh";
  document.dispatchEvent(new Event("spoken"));
}

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("language").addEventListener("click", () => {
    speak(language === "zh" ? "en" : "zh");
  });
  speak(language);
});

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function typing(event) {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  return held || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
    && !/^(checkbox|range)$/.test(event.target.type);
}
