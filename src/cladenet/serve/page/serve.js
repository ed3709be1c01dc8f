// The page of `cladenet serve`: pictures in, answers of one network or several beside each other.
"use strict";

const $ = (id) => document.getElementById(id);
let models = [];
let bodyBytes = 10e6;
let shown = null; // { id, name, file, image, answers }: what is on the page
let pressed = null; // { model, label } whose evidence is shown
const budgets = {}; // of networks for which one was chosen
const cards = new Map(); // name of a network -> { answer, language, made }

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

async function loadModels() {
  for (;;) {
    try {
      const found = await (await fetch("models")).json();
      bodyBytes = found.body_bytes;
      models = found.models;
    } catch (error) {
      trouble(word("noAnswer", { why: error.message }));
    }
    if (models.length) break;
    if ($("trouble").hidden) trouble(word("waits"));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  trouble("");
  for (const [number, model] of models.entries()) {
    const box = element("input", { type: "checkbox", value: model.name, checked: number === 0 });
    box.addEventListener("change", () => { showBudgets(); ask(); });
    const size = model.input.slice(1).join("×");
    $("models").append(element("label", {
      className: "chip", title: `${model.network}, ${size}, ${model.classes.length}`,
    }, box, element("span", { textContent: model.name })));
  }
  showBudgets();
}

// What a network may cost: one choice for each that is asked and has several answers to give.
function showBudgets() {
  const names = chosen();
  const asked = models.filter((model) => model.exits && names.includes(model.name));
  $("budgets").replaceChildren(...asked.map((model) => {
    const choice = element("select", { name: model.name }, ...budgetsOf(model));
    choice.value = budgets[model.name] ?? model.budget ?? "whole";
    choice.addEventListener("change", () => {
      budgets[model.name] = choice.value;
      if (shown?.file) delete shown.answers[model.name];
      ask();
    });
    const title = asked.length > 1 ? word("budgetOf", { model: model.name }) : word("budget");
    return element("label", { className: "budget" }, title, choice);
  }));
  $("budgets").hidden = !asked.length;
}

function budgetsOf(model) {
  const found = new Map();
  const own = model.budget; // such as 5ms, which is none of the others
  if (own && own !== "whole" && own !== "kept") found.set(own, word("upTo", { cost: own }));
  if (model.kept) found.set("kept", word("kept", { asked: model.kept }));
  for (const exit of model.exits) {
    const cost = `${(exit.macs / 1e6).toPrecision(3)}M MACs, ${exit.ms.toPrecision(2)} ms`;
    found.set(String(exit.macs), word("upToExit", { exit: exit.name, cost }));
  }
  found.set("whole", word("whole"));
  return [...found].map(([value, textContent]) => element("option", { value, textContent }));
}

function chosen() {
  return [...$("models").querySelectorAll("input:checked")].map((box) => box.value);
}

async function post(path, body) {
  let answer;
  try {
    const headers = { "content-type": "application/octet-stream", "accept-language": language };
    answer = await fetch(path, { method: "POST", body, headers });
  } catch (error) {
    throw new Error(word("noAnswer", { why: error.message }));
  }
  const content = await answer.json();
  if (!answer.ok) throw new Error(refusal(content));
  return content;
}

async function take(files) {
  for (const file of files) {
    trouble("");
    clearEvidence();
    const id = `${Date.now()}-${Math.random()}`;
    shown = { id, name: file.name || "picture", file, answers: {} };
    $("result").hidden = false;
    $("drop").classList.add("small");
    $("name").textContent = shown.name;
    $("answers").replaceChildren();
    if ($("view").src.startsWith("blob:")) URL.revokeObjectURL($("view").src);
    $("view").alt = shown.name;
    $("view").classList.remove("wide");
    await see(URL.createObjectURL(file));
    await ask();
    if (Object.keys(shown.answers).length) keep();
  }
}

function keep() {
  const image = $("view").hidden ? "" : smallCopy($("view"));
  const { id, name, answers } = shown;
  remember({ id, name, image: shown.image ?? image, answers });
}

async function ask() {
  if (!shown) return;
  const names = chosen();
  if (!names.length) { trouble(word("none")); return; }
  trouble("");
  const asked = shown;
  for (const name of Object.keys(asked.answers)) {
    if (!names.includes(name)) delete asked.answers[name];
  }
  draw(names);
  if (!asked.file) return; // an earlier picture: its small copy is no longer what was sent
  const missing = names.filter((name) => !asked.answers[name]);
  if (!missing.length) return;
  try {
    const { body, note } = await fitting(asked.file);
    asked.note = note;
    await Promise.all(missing.map(async (name) => {
      const start = performance.now();
      const wanted = budgets[name];
      const budget = wanted ? `&budget=${encodeURIComponent(wanted)}` : "";
      const found = await post(`predict?model=${encodeURIComponent(name)}${budget}`, body);
      if (budgets[name] !== wanted) return; // another was chosen meanwhile
      const [prediction] = found.predictions;
      const answer = { ...prediction, ms: found.ms, total: performance.now() - start };
      asked.answers[name] = answer;
      if (asked === shown) draw(names);
    }));
  } catch (error) {
    if (asked !== shown) return;
    trouble(error.message);
    draw(names, false);
  }
}

function draw(names, waiting = true) {
  $("name").textContent = [shown.name, shown.note].filter(Boolean).join(" · ");
  const drawn = names.filter((name) => shown.answers[name] || (waiting && shown.file));
  put($("answers"), drawn.map((name) => keptCard(name, shown.answers[name])));
  for (const button of $("answers").querySelectorAll(".guess")) press(button);
  $("result").hidden = $("view").hidden && !drawn.length; // such as a file that is no picture
}

// An answer keeps its card, so that the next network's does not take a click or the focus away.
function keptCard(name, answer) {
  const kept = cards.get(name);
  if (kept && kept.answer === answer && kept.language === language) return kept.made;
  const made = card(name, answer);
  cards.set(name, { answer, language, made });
  return made;
}

function press(button) {
  const { model, label } = button.dataset;
  const on = pressed?.model === model && String(pressed.label) === label;
  button.setAttribute("aria-pressed", String(on));
  button.disabled = !shown.file || !models.find((each) => each.name === model)?.evidence;
}

function card(name, answer) {
  const title = element("h3", { textContent: name });
  const time = element("span", { className: "ms" });
  const made = element("article", { className: "card" },
    element("div", { className: "line" }, title, time));
  made.dataset.model = name;
  if (!answer) {
    made.append(element("p", { className: "dim", textContent: word("looking") }));
    return made;
  }
  const by = answer.answered_by ? ` ${word("answeredBy", { who: answer.answered_by })}` : "";
  time.textContent = `${answer.ms.toFixed(answer.ms < 10 ? 1 : 0)} ms${by}`;
  made.append(element("ol", {}, ...answer.top.map((guess) => bar(name, guess))));
  return made;
}

function bar(model, guess) {
  const filled = element("i");
  filled.style.width = `${100 * guess.probability}%`;
  const percent = `${(100 * guess.probability).toFixed(1)} %`;
  const button = element("button", {
    className: "guess", type: "button", title: word("ask", { class: guess.class }),
  }, filled, element("span", { textContent: guess.class }), element("span", { textContent: percent }));
  button.dataset.model = model;
  button.dataset.label = guess.label;
  button.addEventListener("click", () => toggleEvidence(model, guess));
  return element("li", {}, button);
}

async function toggleEvidence(model, guess) {
  if (pressed?.model === model && pressed.label === guess.label) { clearEvidence(true); return; }
  pressed = { model, label: guess.label };
  draw(chosen());
  $("evidence").textContent = word("looking");
  const asked = shown;
  const wanted = pressed;
  try {
    const { body } = await fitting(shown.file);
    const path = `explain?model=${encodeURIComponent(model)}&class=${guess.label}`;
    const found = await post(path, body);
    if (asked !== shown || pressed !== wanted) return;
    // Of the picture, before the network's view replaces it.
    shown.image ??= $("view").hidden ? "" : smallCopy($("view"));
    await see(found.view);
    $("heat").src = found.heat;
    for (const image of [$("view"), $("heat")]) image.classList.add("wide");
    $("heat").hidden = $("strength-label").hidden = false;
    $("evidence").textContent = word("evidenceFor", { class: found.class, model });
  } catch (error) {
    if (asked !== shown) return;
    clearEvidence(true);
    trouble(error.message);
  }
}

function clearEvidence(redraw = false) {
  pressed = null;
  $("heat").hidden = $("strength-label").hidden = true;
  $("evidence").textContent = "";
  if (shown?.file && $("view").src.startsWith("data:")) {
    see(URL.createObjectURL(shown.file));
    $("view").classList.remove("wide");
  }
  if (redraw && shown) draw(chosen());
}

function showAgain(entry) {
  trouble("");
  clearEvidence();
  shown = { ...entry, file: null };
  $("result").hidden = false;
  $("drop").classList.add("small");
  see(entry.image);
  $("view").alt = entry.name;
  draw(Object.keys(entry.answers));
  $("name").textContent = entry.name;
  $("answers").focus({ preventScroll: true });
  $("result").scrollIntoView({ block: "nearest" });
}

function pictures(list) {
  return [...list].filter((file) => file.type.startsWith("image/") || !file.type);
}

function offered(files) {
  const found = pictures(files);
  if (found.length) take(found); else if (files.length) trouble(word("noPicture"));
}

$("choose").addEventListener("click", () => $("file").click());
$("camera").addEventListener("click", openCamera);
for (const id of ["file", "shot"]) {
  $(id).addEventListener("change", () => {
    offered($(id).files);
    $(id).value = ""; // the same file may be chosen again
  });
}
$("strength").addEventListener("input", () => {
  $("heat").style.opacity = $("strength").value / 100;
});
document.addEventListener("paste", (event) => offered(event.clipboardData?.files ?? []));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  offered(event.dataTransfer?.files ?? []);
});
document.addEventListener("keydown", (event) => {
  if (typing(event) || viewfinder.open) return;
  const key = event.key.toLowerCase();
  if (key === "o") $("file").click();
  else if (key === "c") openCamera();
  else if (key === "l") $("language").click();
  else if (key === "e") document.querySelector(".guess[aria-pressed=true], .guess")?.click();
  else if (/^[1-9]$/.test(key)) $("models").querySelectorAll("input")[Number(key) - 1]?.click();
  else return;
  event.preventDefault();
});
document.addEventListener("spoken", () => { showBudgets(); if (shown) draw(Object.keys(shown.answers)); });

showEarlier();
loadModels();
