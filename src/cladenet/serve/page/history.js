// Earlier pictures and their answers, in this browser alone: small copies in its local storage.
"use strict";

const KEPT = "cladenet-history";
const MOST = 24;

function earlier() {
  try { return JSON.parse(localStorage.getItem(KEPT)) || []; } catch { return []; }
}

function write(list) {
  let kept = list.slice(0, MOST);
  for (;;) {
    try {
      localStorage.setItem(KEPT, JSON.stringify(kept));
      return;
    } catch {
      if (!kept.length) return; // storage is switched off
      kept = kept.slice(0, -1); // or full
    }
  }
}

function remember(entry) {
  write([entry, ...earlier().filter((other) => other.id !== entry.id)]);
  showEarlier();
}

function forget() {
  try { localStorage.removeItem(KEPT); } catch { /* a private window */ }
  showEarlier();
}

function showEarlier() {
  const list = earlier();
  document.getElementById("history").hidden = !list.length;
  document.getElementById("earlier").replaceChildren(...list.map((entry) => {
    const best = Object.values(entry.answers)[0]?.top?.[0]?.class ?? entry.name;
    const button = element("button", { type: "button", title: entry.name },
      element(entry.image ? "img" : "i", { src: entry.image, alt: "" }), element("span", { textContent: best }));
    button.addEventListener("click", () => showAgain(entry));
    return button;
  }));
}

document.getElementById("forget").addEventListener("click", forget);
