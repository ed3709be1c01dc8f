// The page of `cladenet watch`: runs as they come, and curves as they grow.
"use strict";

const $ = (id) => document.getElementById(id);
// Apart for people who see red and green alike, too (Okabe and Ito).
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6ff0", "#8a8f99"];
const FIRST = 3; // runs whose curves are shown without being asked for
let runs = [];
const rows = new Map(); // name -> { edition, rows }
const chosen = new Map(); // name -> true or false, as the user or the start has it
const colours = new Map();
const stopping = new Set();
let pending = false;

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

function listen() {
  const stream = new EventSource("events");
  stream.addEventListener("open", () => trouble(""));
  stream.addEventListener("error", () => trouble(word("lost")));
  stream.addEventListener("runs", (event) => {
    runs = JSON.parse(event.data).runs;
    for (const name of rows.keys()) {
      if (!runs.some((run) => run.name === name)) rows.delete(name);
    }
    choose();
    later();
  });
  stream.addEventListener("rows", (event) => {
    const found = JSON.parse(event.data);
    const kept = rows.get(found.name);
    const before = kept && kept.edition === found.edition ? kept.rows.slice(0, found.from) : [];
    rows.set(found.name, { edition: found.edition, rows: before.concat(found.rows) });
    later();
  });
}

// Runs in training are shown, and some of the others; colours stay with their runs.
function choose() {
  for (const run of runs) {
    if (!colours.has(run.name)) colours.set(run.name, COLOURS[colours.size % COLOURS.length]);
    if (!chosen.has(run.name)) {
      const shown = [...chosen.values()].filter(Boolean).length;
      chosen.set(run.name, run.state === "training" || shown < FIRST);
    }
    if (run.state !== "training") stopping.delete(run.name);
  }
}

function later() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; draw(); });
}

function draw() {
  $("empty").hidden = runs.length > 0;
  $("table").hidden = !runs.length;
  const focused = document.activeElement?.dataset?.key;
  $("runs").replaceChildren(...runs.map(line));
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  drawCharts();
}

function lowest(name) {
  const errors = (rows.get(name)?.rows ?? []).map((row) => row.val_top1_error ?? row.train_top1_error)
    .filter(Number.isFinite);
  return errors.length ? `${Math.min(...errors).toFixed(2)} %` : "–";
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function line(run) {
  const box = element("input", { type: "checkbox", checked: chosen.get(run.name) });
  box.dataset.key = `box ${run.name}`;
  box.addEventListener("change", () => { chosen.set(run.name, box.checked); draw(); });
  const dot = element("span", { className: "dot" });
  if (chosen.get(run.name)) dot.style.background = colours.get(run.name);
  const state = stopping.has(run.name) ? "stopping" : run.state;
  const epochs = run.epochs ? `${run.epoch ?? 0} / ${Math.ceil(run.epochs)}` : `${run.epoch ?? 0}`;
  const cell = (name, text, number = true) => {
    const made = element("td", { className: number ? "num" : "", textContent: text });
    made.dataset.name = word(name);
    return made;
  };
  const actions = element("td", { className: "actions" });
  if (run.state === "training") {
    const button = element("button", { type: "button", textContent: word("stop"), disabled: stopping.has(run.name) });
    button.dataset.key = `stop ${run.name}`;
    button.addEventListener("click", () => stop(run.name));
    actions.append(button);
  }
  if (run.report) {
    const link = element("a", {
      className: "button", href: `report?run=${encodeURIComponent(run.name)}`,
      target: "_blank", textContent: word("report"),
    });
    link.dataset.key = `report ${run.name}`;
    actions.append(link);
  }
  const made = element("tr", {},
    element("td", {}, element("label", {}, box, dot, run.name)),
    cell("network", run.network, false),
    element("td", {}, element("span", { className: `state ${run.state}`, textContent: word(state) })),
    cell("epoch", epochs), cell("best", lowest(run.name)),
    cell("speed", run.images_per_second ? Math.round(run.images_per_second).toLocaleString("en") : "–"),
    cell("time", duration(run.seconds)), actions);
  made.dataset.run = run.name;
  return made;
}

async function stop(name) {
  if (!confirm(word("sure", { run: name }))) return;
  stopping.add(name);
  draw();
  const headers = { "accept-language": language };
  const answer = await fetch(`stop?run=${encodeURIComponent(name)}`, { method: "POST", headers });
  if (!answer.ok) {
    const content = await answer.json();
    stopping.delete(name);
    trouble(refusal(content));
    draw();
  }
}

function drawCharts() {
  if (document.querySelector(".chart:hover, .chart:focus")) return; // somebody reads a value
  const shown = runs.filter((run) => chosen.get(run.name) && rows.get(run.name)?.rows.length);
  const curves = (keys) => shown.flatMap((run) => keys.map(([key, kind]) => ({
    run: run.name, colour: colours.get(run.name), kind,
    points: rows.get(run.name).rows.map((row) => [row.step, row[key] ?? NaN]),
  })));
  const step = word("step");
  const charts = [
    chart(word("error"), curves([["train_top1_error", "train"], ["val_top1_error", "val"]]), step),
    chart(word("loss"), curves([["train_loss", "train"], ["val_loss", "val"]]), step),
    chart(word("lr"), curves([["lr", "run"]]), step),
  ].filter(Boolean);
  $("charts").replaceChildren(...charts);
  $("legend").dataset.word = charts.length ? "legend" : "chooseRuns";
  $("legend").textContent = word($("legend").dataset.word);
  $("legend").hidden = !runs.length;
}

document.addEventListener("keydown", (event) => {
  if (!typing(event) && event.key.toLowerCase() === "l") $("language").click();
});
document.addEventListener("spoken", later);
listen();
