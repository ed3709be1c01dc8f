/* The drawing: time across, one row a family or a quantity upwards, a dot a network. */
"use strict";
window.treeDrawing = (() => {
  const { families, networks, short, errors, lineages } = window.tree;
  const words = window.CLADENET_WORDS;
  const SVG = "http://www.w3.org/2000/svg";
  const LEFT = 16, TOP = 34, ROW = 27, PITCH = 11, LABEL = 118;
  const years = [...new Set(networks.map((network) => network.year))].sort();

  function element(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  }

  /* Years with networks are equally wide; those without any are left out, and a gap shows it. */
  function across(month, width) {
    const column = (width - LEFT - LABEL - 60) / years.length;
    const year = years.indexOf(Math.floor(month / 12));
    return LEFT + LABEL + (year + (month % 12) / 12) * column;
  }

  const label = (network) =>
    [
      network.name, `${network.year}`, `${short(network.params)} ${words.params}`,
      `${short(network.macs)} MACs`,
      network.error ? `${network.error.value} % ${network.error.data}` : words.no_error,
    ].join(", ");

  function radius(network, size) {
    if (size === "equal") return 4.5;
    return 1.5 + 1.35 * Math.max(0, Math.log10(network[size]) - (size === "macs" ? 6 : 4.5));
  }

  /* Where each dot is, and how high the drawing. */
  function places(view, width) {
    const found = new Map();
    if (view.upwards === "lineage") {
      let y = TOP;
      for (const family of families.filter((each) => each.networks.length)) {
        const start = across(family.networks[0].month, width);
        const most = Math.max(4, Math.floor((width - start - 8) / PITCH));
        family.x = start;
        family.y = y + ROW / 2;
        family.networks.forEach((network, i) => {
          found.set(network, [start + (i % most) * PITCH, family.y + Math.floor(i / most) * PITCH]);
        });
        y += ROW + Math.floor((family.networks.length - 1) / most) * PITCH;
      }
      return { found, height: y + 12 };
    }
    const height = 620;
    const value = (n) => (view.upwards !== "error" ? Math.log10(n[view.upwards])
      : n.error && n.error.data === view.data ? n.error.value : null);
    const shown = networks.filter((network) => value(network) !== null);
    const values = shown.map(value);
    const low = Math.min(...values), high = Math.max(...values);
    for (const network of shown) {
      const up = (value(network) - low) / (high - low || 1);
      const order = network.family.networks.indexOf(network);
      const x = across(network.month, width) + (order % 7) * 5;
      found.set(network, [x, height - 30 - up * (height - TOP - 50)]);
    }
    return { found, height, low, high };
  }

  function ruler(svg, view, width, height, low, high) {
    years.forEach((year, i) => {
      const x = across(year * 12, width);
      element("line", { x1: x, x2: x, y1: TOP - 8, y2: height, class: "rule" }, svg);
      const gap = i && year !== years[i - 1] + 1 ? "… " : "";
      element("text", { x: x + 3, y: 16, class: "year" }, svg).textContent = gap + year;
    });
    if (low === undefined) return;
    const ticks = [];
    const linear = view.upwards === "error";
    const step = linear ? Math.max(1, Math.round((high - low) / 6)) : 1;
    for (let v = Math.ceil(low / (linear ? step : 1)) * (linear ? step : 1); v <= high; v += step) ticks.push(v);
    for (const tick of ticks) {
      const y = height - 30 - ((tick - low) / (high - low || 1)) * (height - TOP - 50);
      element("line", { x1: LEFT + 60, x2: width, y1: y, y2: y, class: "rule" }, svg);
      element("text", { x: LEFT, y: y + 4, class: "year" }, svg).textContent =
        linear ? `${tick} %` : short(10 ** tick);
    }
  }

  function edges(svg, chosen) {
    const group = element("g", { "aria-hidden": "true" }, svg);
    const curve = (from, to, kind) => {
      if (!from.networks.length || !to.networks.length) return;
      const d = `M${from.x},${from.y} C${from.x},${to.y} ${from.x},${to.y} ${to.x - 8},${to.y}`;
      element("path", { d, class: kind, style: `--line:var(--lineage-${to.lineage})` }, group);
    };
    for (const family of families) {
      if (family.parent >= 0) curve(families[family.parent], family, "descent");
      for (const [taken] of family.takes) {
        if (chosen && (chosen === family || chosen.index === taken)) {
          curve(families[taken], family, "taken");
        }
      }
    }
  }

  /* Draws all of it anew into `svg`; `visible` says which networks pass the filter. */
  function draw(svg, view, visible, chosen) {
    const width = Math.max(760, svg.parentElement.clientWidth - 2);
    const { found, height, low, high } = places(view, width);
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    ruler(svg, view, width, height, low, high);
    const family = chosen[0] && chosen[0].family;
    if (view.upwards === "lineage") edges(svg, family);
    const dots = [];
    for (const each of families) {
      const members = each.networks.filter((network) => found.has(network));
      if (!members.length) continue;
      const name = `${each.title}, ${each.year}`;
      const group = element("g", { role: "group", "aria-label": name }, svg);
      if (view.upwards === "lineage") {
        const text = element("text", { x: each.x - 10, y: each.y + 4, class: "family" }, group);
        text.textContent = each.title;
        text.setAttribute("style", `fill:var(--lineage-${each.lineage})`);
      }
      for (const network of members) {
        const [cx, cy] = found.get(network);
        const shown = visible(network);
        const place = chosen.indexOf(network);
        const dot = element("circle", {
          cx, cy, r: radius(network, view.size), role: "button", tabindex: "-1",
          "aria-label": label(network), "aria-pressed": String(place >= 0),
          class: `dot${shown ? "" : " out"}${place >= 0 ? ` chosen-${place}` : ""}`,
          style: `--line:var(--lineage-${each.lineage})`,
        }, group);
        dot.network = network;
        if (shown) dots.push(dot);
        else dot.setAttribute("aria-hidden", "true");
      }
    }
    const start = dots.find((dot) => dot.network === chosen[0]) || dots[0];
    if (start) start.setAttribute("tabindex", "0");
    return dots;
  }

  return { draw, element, label, errors, lineages };
})();
