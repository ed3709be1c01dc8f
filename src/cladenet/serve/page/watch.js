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
const lines = new Map(); // name -> the row of the table and what changes in it
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
  for (const name of lines.keys()) {
    if (!runs.some((run) => run.name === name)) lines.delete(name);
  }
  put($("runs"), runs.map(line));
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

// A run keeps its row: a click that begins before an update and ends after it is a click, too.
function line(run) {
  if (!lines.has(run.name)) lines.set(run.name, newLine(run.name));
  const { row, box, dot, state, cells, button, link } = lines.get(run.name);
  const { epoch = 0, epochs, images_per_second: speed } = run;
  box.checked = chosen.get(run.name);
  dot.style.background = chosen.get(run.name) ? colours.get(run.name) : "";
  state.className = `state ${run.state}`;
  state.textContent = word(stopping.has(run.name) ? "stopping" : run.state);
  const texts = {
    network: run.network,
    epoch: epochs ? `${epoch ?? 0} / ${Math.ceil(epochs)}` : `${epoch ?? 0}`,
    best: lowest(run.name),
    speed: speed ? Math.round(speed).toLocaleString("en") : "–",
    time: duration(run.seconds),
  };
  for (const [name, text] of Object.entries(texts)) {
    cells[name].textContent = text;
    cells[name].dataset.name = word(name);
  }
  button.hidden = run.state !== "training";
  button.disabled = stopping.has(run.name);
  button.textContent = word("stop");
  link.hidden = !run.report;
  link.textContent = word("report");
  return row;
}

function newLine(run) {
  const box = element("input", { type: "checkbox" });
  box.addEventListener("change", () => { chosen.set(run, box.checked); draw(); });
  const dot = element("span", { className: "dot" });
  const state = element("span");
  const cells = { network: element("td") };
  for (const name of ["epoch", "best", "speed", "time"]) {
    cells[name] = element("td", { className: "num" });
  }
  const button = element("button", { type: "button" });
  button.addEventListener("click", () => stop(run));
  const link = element("a", {
    className: "button", href: `report?run=${encodeURIComponent(run)}`, target: "_blank",
  });
  const row = element("tr", {}, element("td", {}, element("label", {}, box, dot, run)),
    cells.network, element("td", {}, state), cells.epoch, cells.best, cells.speed, cells.time,
    element("td", { className: "actions" }, button, link));
  row.dataset.run = run;
  for (const [key, made] of Object.entries({ box, stop: button, report: link })) {
    made.dataset.key = `${key} ${run}`;
  }
  return { row, box, dot, state, cells, button, link };
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
