// Curves of several runs as SVG, on one scale, that can be read off with a pointer or the keys.
"use strict";

const WIDTH = 560, HEIGHT = 300, LEFT = 56, RIGHT = 14, TOP = 12, BOTTOM = 36;
const MOST_POINTS = 400;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function ticks(low, high, about) {
  if (!(high > low)) high = low + 1;
  const rough = (high - low) / about;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * size).find((s) => s >= rough * 0.999);
  const found = [];
  for (let n = Math.floor(low / step); n * step < high + step * (1 - 1e-9); n += 1) found.push(n * step);
  return found;
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  return size < 1e-12 ? "0" : `${+value.toPrecision(4)}`;
}

// At most MOST_POINTS: means of neighbours; the last point stays as it is.
function thin(points) {
  if (points.length <= MOST_POINTS) return points;
  const groups = MOST_POINTS - 1;
  const found = [];
  for (let n = 0; n < groups; n += 1) {
    const part = points.slice(Math.floor(n * (points.length - 1) / groups),
      Math.floor((n + 1) * (points.length - 1) / groups));
    found.push([0, 1].map((axis) => part.reduce((sum, p) => sum + p[axis], 0) / part.length));
  }
  return [...found, points[points.length - 1]];
}

// Where a scale begins: at 0, or below the curves where that would leave half of the chart empty.
function floor(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least > most / 2 && least < most ? least : 0;
}

// curves: [{ run, colour, kind: "val" | "train" | "run", points: [[x, y], ...] }]
const KINDS = { val: "held", train: "seen" }; // what is the run's own needs no word

function chart(title, curves, xName) {
  const drawn = curves.map((curve) => ({
    ...curve, points: thin(curve.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))),
  })).filter((curve) => curve.points.length);
  const box = element("section", { className: "card" }, element("h2", { textContent: title }));
  if (!drawn.length) return null;
  const all = drawn.flatMap((curve) => curve.points);
  const xs = ticks(0, Math.max(...all.map(([x]) => x)), 5);
  const ys = ticks(floor(all.map(([, y]) => y)), Math.max(...all.map(([, y]) => y)), 5);
  const [least, most] = [ys[0], ys[ys.length - 1]];
  const farthest = Math.max(...all.map(([x]) => x)) || 1;
  const x = (value) => LEFT + value / farthest * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value - least) / (most - least) * (HEIGHT - TOP - BOTTOM);
  const picture = svg("svg", {
    class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title, tabindex: 0,
  });
  for (const tick of ys) {
    picture.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
      svg("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  const base = HEIGHT - BOTTOM;
  picture.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: base, y2: base }));
  for (const tick of xs.filter((value) => value <= farthest * (1 + 1e-9))) {
    const label = tick === 0 ? `0 ${xName}` : short(tick);
    picture.append(svg("text", {
      x: x(tick), y: base + 20, "text-anchor": tick === 0 ? "start" : "middle",
    }, label));
  }
  for (const curve of drawn) {
    const places = curve.points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`);
    const line = svg("path", { class: curve.kind, d: `M${places.join("L")}`, "data-run": curve.run });
    line.style.stroke = curve.colour;
    picture.append(line);
    if (places.length === 1) {
      const [cx, cy] = places[0].split(" ");
      const dot = svg("circle", { cx, cy, r: 3 });
      dot.style.fill = curve.colour;
      picture.append(dot);
    }
  }
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: base, visibility: "hidden" });
  const read = element("div", { className: "read" });
  picture.append(cursor);
  box.append(picture, read);
  readable(picture, cursor, read, drawn, { x, farthest, xName });
  return box;
}

// The values at the pointer, or at a place that the arrow keys move; at the end without either.
function readable(picture, cursor, read, drawn, { x, farthest, xName }) {
  const show = (at) => {
    const parts = drawn.filter((curve) => curve.kind !== "train" || drawn.length <= 4).map((curve) => {
      const [px, py] = curve.points.reduce((best, point) =>
        Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best);
      const dot = element("i", { className: curve.kind });
      dot.style.color = curve.colour;
      const kind = KINDS[curve.kind] ? ` ${word(KINDS[curve.kind])}` : "";
      return element("span", {}, dot, `${curve.run}${kind} `,
        element("b", { textContent: short(+py.toPrecision(3)) }), ` (${xName} ${short(px)})`);
    });
    read.replaceChildren(...parts);
  };
  const point = (at) => {
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
    cursor.setAttribute("visibility", "visible");
    show(at);
  };
  const leave = () => { cursor.setAttribute("visibility", "hidden"); show(farthest); };
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const place = (event.clientX - box.left) / box.width * WIDTH;
    point(Math.min(farthest, Math.max(0, (place - LEFT) / (WIDTH - LEFT - RIGHT) * farthest)));
  });
  picture.addEventListener("pointerleave", leave);
  let at = farthest;
  picture.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    at = Math.min(farthest, Math.max(0, at + move * farthest / 40));
    point(at);
  });
  picture.addEventListener("blur", leave);
  show(farthest);
}
