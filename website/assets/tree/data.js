/* The data of the family tree as objects; see website/tree_data.py for how they are written. */
"use strict";
window.tree = (() => {
  const data = window.CLADENET_TREE;
  const chinese = document.documentElement.lang.startsWith("zh");

  const families = data.families.map(([name, title, year, parent, ideas, takes, lineage], index) => ({
    index, name, title, year, parent, lineage, idea: ideas[chinese ? 1 : 0], networks: [],
    takes: takes.map(([from, what]) => [from, what[chinese ? 1 : 0]]),
  }));

  const networks = data.networks.map((row, index) => {
    const [name, family, month, input, params, macs, error, lines, parts, drawn] = row;
    const network = {
      index, name, month, input, params, macs, drawn: Boolean(drawn),
      year: Math.floor(month / 12),
      family: families[family],
      error: error ? {
        data: data.errors[error[0]], value: error[1],
        protocol: data.protocols[error[2]][chinese ? 1 : 0],
      } : null,
      lines: lines.map((line) => data.lines[line]),
      packed: parts,
    };
    families[family].networks.push(network);
    return network;
  });

  /* [{name, units: [{name, shape, macs, params, field}]}], in the order in which they run. */
  function parts(network) {
    return network.packed.map(([part, ...rows]) => {
      const name = data.parts[part];
      const units = [];
      for (const row of rows) {
        const [count, shape, macs, params, field, macsStep = 0, paramsStep = 0, fieldStep = 0] =
          data.rows[row];
        for (let i = 0; i < count; i += 1) {
          units.push({
            name: `${name}.${units.length}`,
            part: name,
            shape: data.shapes[shape],
            macs: macs + i * macsStep,
            params: params + i * paramsStep,
            field: field + i * fieldStep,
          });
        }
      }
      if (units.length === 1) units[0].name = name;
      return { name, units };
    });
  }

  /* 25557032 -> "25.6 M" */
  function short(count) {
    for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (count >= size) return `${(count / size).toPrecision(3).replace(/e.*/, "")} ${letter}`;
    }
    return String(count);
  }

  const byName = new Map(networks.map((network) => [network.name, network]));
  return { families, networks, parts, short, byName, errors: data.errors, lineages: data.lineages };
})();
