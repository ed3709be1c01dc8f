/* The page: filters, choices, keys. The address keeps what is chosen: tree.html#resnet50,vgg16. */
"use strict";
(() => {
  const { families, networks, byName, short, errors } = window.tree;
  const { draw, label } = window.treeDrawing;
  const { show, make } = window.treePanel;
  const words = window.CLADENET_WORDS;
  const get = (id) => document.getElementById(id);
  const svg = get("drawing"), panel = get("panel"), status = get("status"), form = get("controls");
  let chosen = [], dots = [];

  function filter() {
    const value = (id) => get(id).value.trim().toLowerCase();
    const idea = value("idea"), macs = Number(value("macs")) * 1e6, error = Number(value("error"));
    const from = Number(value("from")), to = Number(value("to")), data = get("data").value;
    return (network) =>
      (!idea || `${network.name} ${network.family.title} ${network.family.idea}`.toLowerCase().includes(idea)) &&
      (!macs || network.macs <= macs) &&
      (!error || (network.error && network.error.data === data && network.error.value <= error)) &&
      (!from || network.year >= from) && (!to || network.year <= to);
  }

  function view() {
    return { upwards: get("upwards").value, size: get("size").value, data: get("data").value };
  }

  function redraw() {
    const visible = filter();
    dots = draw(svg, view(), visible, chosen);
    const count = networks.filter(visible).length;
    get("count").textContent = words.shown.replace("{count}", count).replace("{all}", networks.length);
    if (!get("table").hidden) table(visible);
  }

  function choose(network, beside) {
    if (beside && chosen.length && network !== chosen[0]) chosen = [chosen[0], network];
    else chosen = [network];
    get("first").value = chosen[0].name;
    get("second").value = chosen[1] ? chosen[1].name : "";
    update();
  }

  function update() {
    const focused = document.activeElement && document.activeElement.network;
    redraw();
    show(panel, chosen);
    status.textContent = chosen.length
      ? words.chosen.replace("{names}", chosen.map((n) => n.name).join(", ")) : "";
    const dot = focused && dots.find((each) => each.network === focused);
    if (dot) focus(dot);
    history.replaceState(null, "", chosen.length ? `#${chosen.map((n) => n.name).join(",")}` : location.pathname);
  }

  function focus(dot) {
    dots.forEach((each) => each.setAttribute("tabindex", each === dot ? "0" : "-1"));
    dot.focus({ preventScroll: false });
    status.textContent = label(dot.network);
  }

  /* Left and right go through all networks, up and down to the next family that is shown. */
  function key(event) {
    const here = dots.indexOf(event.target);
    if (here < 0) return;
    const family = (step) => {
      let i = here;
      while (dots[i] && dots[i].network.family === dots[here].network.family) i += step;
      if (step < 0) while (i > 0 && dots[i - 1].network.family === dots[i].network.family) i -= 1;
      return dots[i];
    };
    const goes = {
      ArrowRight: () => dots[here + 1], ArrowLeft: () => dots[here - 1],
      ArrowDown: () => family(1), ArrowUp: () => family(-1),
      Home: () => dots[0], End: () => dots[dots.length - 1],
    }[event.key];
    if (goes) {
      event.preventDefault();
      const dot = goes();
      if (dot) focus(dot);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(event.target.network, event.shiftKey);
    } else if (event.key === "c") {
      choose(event.target.network, true);
    }
  }

  /* All rows are made once, when the table is first asked for; a filter hides some. */
  let rows = null;

  function row(network) {
    const open = make("button", network.name, { type: "button" });
    open.network = network;
    return make("tr", null, {},
      make("th", null, { scope: "row" }, open), make("td", network.family.title),
      make("td", String(network.year)), make("td", short(network.params)),
      make("td", short(network.macs)),
      make("td", network.error ? `${network.error.value} % (${network.error.data})` : "–"));
  }

  function table(visible) {
    if (!rows) {
      rows = networks.map(row);
      get("rows").append(...rows);
    }
    rows.forEach((each, i) => { each.hidden = !visible(networks[i]); });
  }

  function named(text) {
    const name = text.trim();
    const family = families.find((each) => each.name === name || each.title === name);
    return byName.get(name) || (family && family.networks[0]);
  }

  function fromAddress() {
    const found = decodeURIComponent(location.hash.slice(1)).split(",").map(named).filter(Boolean);
    chosen = found.slice(0, 2);
    get("first").value = chosen[0] ? chosen[0].name : "";
    get("second").value = chosen[1] ? chosen[1].name : "";
    update();
  }

  svg.addEventListener("click", (event) => {
    if (event.target.network) choose(event.target.network, event.shiftKey || get("beside").checked);
  });
  svg.addEventListener("keydown", key);
  get("rows").addEventListener("click", (event) => {
    if (event.target.network) choose(event.target.network, event.shiftKey);
  });
  svg.addEventListener("mouseover", (event) => {
    if (event.target.network) status.textContent = label(event.target.network);
  });
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, (event) => {
      if (!["first", "second", "beside"].includes(event.target.id)) redraw();
    });
  }
  for (const id of ["first", "second"]) {
    get(id).addEventListener("change", () => {
      const [first, second] = [named(get("first").value), named(get("second").value)];
      const wrong = ["first", "second"].find((each) => get(each).value && !named(get(each).value));
      if (wrong) status.textContent = words.unknown.replace("{name}", get(wrong).value);
      else {
        chosen = [first, second].filter(Boolean);
        update();
      }
    });
  }
  get("as-table").addEventListener("click", () => {
    const hidden = !get("table").hidden;
    get("table").hidden = hidden;
    get("as-table").setAttribute("aria-expanded", String(!hidden));
    if (!hidden) table(filter());
  });
  form.addEventListener("reset", () => setTimeout(() => {
    chosen = [];
    update();
  }));
  form.addEventListener("submit", (event) => event.preventDefault());
  get("networks").append(...networks.map((network) => make("option", null, { value: network.name })));
  get("data").append(...errors.map((data) => make("option", data, { value: data })));
  addEventListener("resize", redraw);
  addEventListener("hashchange", fromAddress);
  fromAddress();
})();
