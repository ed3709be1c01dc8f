/* What one network is, and two side by side with what changed marked. */
"use strict";
window.treePanel = (() => {
  const { parts, short, families } = window.tree;
  const { element } = window.treeDrawing;
  const words = window.CLADENET_WORDS;
  const number = (count) => count.toLocaleString("en");

  function make(tag, text, attributes = {}, ...children) {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function facts(network) {
    const { error } = network;
    return {
      [words.family]: network.family.title,
      [words.year]: String(network.year),
      [words.input]: network.input,
      [words.params]: number(network.params),
      MACs: number(network.macs),
      [words.error]: error ? `${error.value} % (${error.data})` : "–",
      [words.protocol]: error ? error.protocol : "–",
    };
  }

  function stageRows(network) {
    return new Map(parts(network).map(({ name, units }) => [name, [
      units[units.length - 1].shape,
      String(units.length),
      short(units.reduce((sum, unit) => sum + unit.macs, 0)),
      short(units.reduce((sum, unit) => sum + unit.params, 0)),
      units[units.length - 1].field ? String(units[units.length - 1].field) : words.whole,
    ]]));
  }

  /* One table for one or two networks; a cell that differs from the first network's is marked. */
  function stageTable(chosen) {
    const rows = chosen.map(stageRows);
    const names = [...new Set(rows.flatMap((map) => [...map.keys()]))];
    const columns = [words.output, words.units, "MACs", words.params, words.field];
    const head = make("tr", null, {}, make("th", words.stage, { scope: "col" }));
    for (const network of chosen) {
      for (const column of columns) {
        const title = chosen.length > 1 ? `${network.name}: ${column}` : column;
        head.append(make("th", title, { scope: "col" }));
      }
    }
    const body = make("tbody", null);
    for (const name of names) {
      const line = make("tr", null, {}, make("th", name, { scope: "row" }));
      rows.forEach((map, side) => {
        const cells = map.get(name) || columns.map(() => "–");
        const first = rows[0].get(name) || columns.map(() => "–");
        cells.forEach((cell, i) => line.append(marked(cell, side > 0 && cell !== first[i])));
      });
      body.append(line);
    }
    const table = make("table", null, {}, make("caption", words.stages), make("thead", null, {}, head), body);
    return make("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": words.stages }, table);
  }

  function marked(text, changed) {
    if (!changed) return make("td", text);
    const cell = make("td", null, { class: "changed" }, make("mark", text));
    cell.append(make("span", ` (${words.changed})`, { class: "hidden" }));
    return cell;
  }

  /* The ledger's layers; those of one network alone are marked. */
  function layerList(chosen, side) {
    const network = chosen[side];
    const other = chosen.length > 1 ? new Set(chosen[1 - side].lines) : null;
    const list = make("ol", null, { class: "layers" });
    for (const line of network.lines) {
      const changed = other && !other.has(line);
      const item = make("li", null, {}, changed ? make("mark", line) : line);
      if (changed) item.append(make("span", ` (${words.changed})`, { class: "hidden" }));
      list.append(item);
    }
    return list;
  }

  function costs(network, highest) {
    const units = parts(network).flatMap((part) => part.units);
    const most = highest || Math.max(...units.map((unit) => unit.macs));
    const width = 320, height = 90, step = width / units.length;
    const peak = units.reduce((a, b) => (b.macs > a.macs ? b : a));
    const text = words.costs_label.replace("{name}", network.name)
      .replace("{unit}", peak.name).replace("{macs}", short(peak.macs));
    const svg = element("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": text, class: "costs",
    });
    let part = "", shade = 0;
    units.forEach((unit, i) => {
      if (unit.part !== part) [part, shade] = [unit.part, 1 - shade];
      const tall = (unit.macs / most) * (height - 4);
      const bar = element("rect", {
        x: i * step, y: height - tall, width: Math.max(step - 0.5, 0.5), height: tall,
        class: `bar shade-${shade}`, style: `--line:var(--lineage-${network.family.lineage})`,
      }, svg);
      element("title", {}, bar).textContent = `${unit.name}: ${short(unit.macs)} MACs, ${unit.shape}`;
    });
    return make("figure", null, {}, svg, make("figcaption", text));
  }

  /* The receptive field over a picture, unit after unit. */
  function field(network, side) {
    const units = parts(network).flatMap((part) => part.units);
    const pixels = Number(network.input.split("x")[1]);
    const picture = document.getElementById("picture").content.cloneNode(true).firstElementChild;
    const square = element("rect", { class: "field" }, picture);
    const id = `field-${side}`;
    const slider = make("input", null, { type: "range", min: 0, max: units.length - 1, value: 0, id });
    const caption = make("output", "", { for: id });
    const show = () => {
      const unit = units[Number(slider.value)];
      const share = unit.field ? Math.min(1, unit.field / pixels) : 1;
      const place = 50 - share * 50;
      for (const [key, value] of [["x", place], ["y", place], ["width", share * 100], ["height", share * 100]]) {
        square.setAttribute(key, value);
      }
      caption.textContent = unit.field
        ? `${unit.name}: ${unit.field} ${words.of} ${pixels} ${words.pixels}`
        : `${unit.name}: ${words.whole}`;
      slider.setAttribute("aria-valuetext", caption.textContent);
    };
    slider.addEventListener("input", show);
    show();
    const label = make("label", `${words.field}, ${network.name}`, { for: id });
    return make("figure", null, { class: "receptive" }, picture, label, slider, caption);
  }

  function unitDrawing(network) {
    if (!network.drawn) return [];
    const text = words.unit_drawing.replace("{name}", network.name);
    return [make("img", null, { src: `${words.root}assets/units/${network.name}.svg`, alt: text, class: "unit" })];
  }

  function card(chosen, side, highest) {
    const network = chosen[side];
    const list = make("dl", null);
    const first = facts(chosen[0]);
    for (const [key, value] of Object.entries(facts(network))) {
      const changed = side > 0 && value !== first[key];
      const text = make("dd", null, {}, changed ? make("mark", value) : value);
      if (changed) text.append(make("span", ` (${words.changed})`, { class: "hidden" }), ratio(chosen, key));
      list.append(make("dt", key), text);
    }
    const page = `families/${network.family.name}.html`;
    return make("article", null, { class: `card side-${side}`, "aria-label": network.name },
      make("h3", network.name),
      make("p", network.family.idea),
      make("p", null, {}, make("a", words.family_page.replace("{title}", network.family.title), { href: page })),
      list,
      ...unitDrawing(network),
      make("h4", words.layers), layerList(chosen, side),
      make("h4", words.costs), costs(network, highest),
      make("h4", words.field), field(network, side));
  }

  /* " ×1.8" behind a count that changed. */
  function ratio(chosen, key) {
    const by = { [words.params]: "params", MACs: "macs" }[key];
    return by ? ` ×${(chosen[1][by] / chosen[0][by]).toPrecision(3)}` : "";
  }

  function relation([a, b]) {
    const took = (one, other) => one.family.takes
      .filter(([index]) => families[index] === other.family)
      .map(([, what]) => words.took_from.replace("{one}", one.family.title)
        .replace("{other}", other.family.title).replace("{what}", what));
    const line = (family) => (family.parent < 0 ? [family] : [family, ...line(families[family.parent])]);
    const shared = line(a.family).find((family) => line(b.family).includes(family));
    return [words.common.replace("{title}", shared.title), ...took(a, b), ...took(b, a)];
  }

  function show(panel, chosen) {
    if (!chosen.length) {
      panel.replaceChildren(make("p", words.nothing_chosen));
      return;
    }
    const peaks = chosen.flatMap((network) => parts(network).flatMap((p) => p.units.map((u) => u.macs)));
    const highest = chosen.length > 1 ? peaks.reduce((a, b) => Math.max(a, b)) : 0;
    const cards = make("div", null, { class: "cards" });
    chosen.forEach((_, side) => cards.append(card(chosen, side, highest)));
    const title = chosen.map((network) => network.name).join(` ${words.beside} `);
    const notes = chosen.length > 1 ? relation(chosen).map((text) => make("p", text)) : [];
    panel.replaceChildren(make("h2", title), ...notes, cards, stageTable(chosen));
  }

  return { show, make };
})();
