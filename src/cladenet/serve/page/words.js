// What the pages do with the words of words.json, which the server puts above these lines as WORDS.
// An element with data-word="x" shows the word x.
"use strict";

const kept = (() => {
  try { return localStorage.getItem("cladenet-language"); } catch { return null; }
})();
// What the reader chose here, else what the server found in Accept-Language.
let language = kept in WORDS ? kept : document.documentElement.lang.slice(0, 2);

function word(name, values = {}) {
  const text = WORDS[language][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

// What the server refused, as two sentences.
function refusal({ error, hint }) {
  const [first, second] = [error, hint].map((text) => text.charAt(0).toUpperCase() + text.slice(1));
  return word("refused", { error: first, hint: second });
}

function speak(to) {
  language = to;
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
    try { localStorage.setItem("cladenet-language", language); } catch { /* a private window */ }
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

// What stays where it is is not touched, so that it keeps the focus and a click that has begun.
function put(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
}

function typing(event) {
  const held = event.ctrlKey || event.metaKey || event.altKey;
  return held || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)
    && !/^(checkbox|range)$/.test(event.target.type);
}
