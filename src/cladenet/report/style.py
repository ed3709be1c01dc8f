"""The look of `report.html`: light and dark, wide and narrow, screen and paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1c1d1f; --soft: #5d6067; --faint: #e4e2db;
  --blue: #1f5fbf; --grey: #8a8f99; --green: #1b7f5c; --red: #c2410c;
  --hit: 31 95 191; --miss: 214 84 28; --shade: 0 0 0 / .04;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131417; --card: #1a1c20; --ink: #eceae4; --soft: #a0a3aa; --faint: #2e3138;
    --blue: #7fb0ff; --grey: #878d99; --green: #5fd0a5; --red: #ff9d6e;
    --hit: 92 148 240; --miss: 240 120 62; --shade: 0 0 0 / .3;
  }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth }
body {
  margin: 0 auto; max-width: 1120px; padding: 56px 32px 72px; background: var(--paper);
  color: var(--ink); font: 16px/1.55 ui-sans-serif, system-ui, "Segoe UI", "Noto Sans", Roboto,
  "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
h1 { font-size: clamp(30px, 5.5vw, 46px); line-height: 1.1; letter-spacing: -.022em;
  font-weight: 680; margin: 0 0 10px }
h2 { font-size: 22px; letter-spacing: -.012em; font-weight: 650; margin: 0 0 4px }
h3 { font-size: 15px; font-weight: 600; margin: 0 0 8px }
p { margin: 0 0 12px; max-width: 74ch }
a { color: inherit; text-decoration-color: var(--grey); text-underline-offset: 3px }
code, pre { font: 13px/1.6 ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas,
  "DejaVu Sans Mono", monospace }
section { margin-top: 64px }
h2 + dl, h2 + .scroll { margin-top: 16px }
.kicker { font-size: 13px; letter-spacing: .09em; text-transform: uppercase; color: var(--soft);
  margin: 0 0 14px }
.lead { font-size: 18px; color: var(--soft); max-width: 68ch; margin: 0 }
.why { color: var(--soft); margin-bottom: 20px }
.headline { display: grid; grid-template-columns: minmax(280px, 5fr) 7fr; gap: 40px;
  margin-top: 40px; align-items: end }
.figure { font-size: clamp(58px, 10vw, 92px); line-height: .95; font-weight: 700;
  letter-spacing: -.045em; color: var(--blue) }
.figure small { font-size: .42em; letter-spacing: -.02em; font-weight: 600 }
.summary { margin: 12px 0 0; color: var(--soft) }
.summary b { color: var(--ink); font-weight: 600 }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(136px, 1fr));
  gap: 22px 24px;
  margin: 0; border-top: 1px solid var(--faint); padding-top: 22px }
.tiles dt { font-size: 13px; color: var(--soft) }
.tiles dd { margin: 0; font-size: 20px; font-weight: 620; letter-spacing: -.01em; line-height: 1.3 }
.tiles dd small { display: block;
  font-size: 13px; font-weight: 400; color: var(--soft); letter-spacing: 0 }
nav { display: flex; flex-wrap: wrap; gap: 6px 22px; margin-top: 40px; padding: 12px 0;
  border-block: 1px solid var(--faint); font-size: 14px; color: var(--soft) }
nav a { text-decoration: none }
nav a:hover { color: var(--blue) }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 28px }
.pair > * { min-width: 0 }
.card { background: var(--card); border: 1px solid var(--faint); border-radius: 12px;
  padding: 20px 20px 14px; box-shadow: 0 1px 2px rgb(var(--shade)) }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch }
.notes { margin: 0; padding-left: 1.1em; max-width: 78ch }
.next, .notes.next { margin-top: 20px }
.notes li { margin: 4px 0 }

.chart { display: block; width: 100%; height: auto; overflow: visible }
.chart text { fill: var(--soft); font-size: 13.5px }
.chart .end { text-anchor: end } .chart .mid { text-anchor: middle }
.chart .grid { stroke: var(--faint) } .chart .axis { stroke: var(--grey) }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.chart .line.train { stroke: var(--grey) } .chart .line.val { stroke: var(--blue);
  stroke-width: 2.5 }
.chart .line.rate { stroke: var(--green) }
.chart .dot.val { fill: var(--blue) } .chart .dot.train { fill: var(--grey) }
.chart .dot.rate { fill: var(--green) }
.chart .label.val, .chart .value.val { fill: var(--blue) }
.chart .label.rate, .chart .value.rate { fill: var(--green) }
.chart .label { font-weight: 600 } .chart .value { font-weight: 400 }
.chart .ring { fill: none; stroke: var(--blue); stroke-width: 1.6 }

table { border-collapse: collapse; width: 100%; font-size: 14.5px }
th { text-align: left; font-weight: 600; font-size: 13px; color: var(--soft) }
th, td { padding: 7px 20px 7px 0; border-bottom: 1px solid var(--faint); vertical-align: middle }
td:last-child, th:last-child { padding-right: 0 }
.num { text-align: right; white-space: nowrap }
.dim { color: var(--soft) }
.bar { position: relative; display: block; width: 100%; min-width: 120px; height: 8px;
  border-radius: 4px; background: var(--faint) }
.bar i { position: absolute; inset: 0 auto 0 0; border-radius: 4px;
  background: rgb(var(--hit) / .55) }
.bar b { position: absolute; top: -3px; bottom: -3px; border: solid var(--ink);
  border-width: 0 1.5px }
.bar b::after { content: ""; position: absolute; left: 0; right: 0; top: calc(50% - .75px);
  border-top: 1.5px solid var(--ink) }

.matrix { width: auto; font-size: 13px; border-collapse: separate; border-spacing: 2px }
.matrix th, .matrix td { border: 0; padding: 0 }
.matrix td { min-width: 34px; height: 34px; text-align: center; border-radius: 4px;
  background: rgb(var(--miss) / var(--a, 0)) }
.matrix td.hit { background: rgb(var(--hit) / var(--a, 0)) }
.matrix td.strong { color: #fff }
.matrix td.none { color: var(--grey); opacity: .5 }
.matrix tbody th { text-align: right; padding-right: 10px; max-width: 170px; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; font-weight: 500 }
.matrix thead th { vertical-align: bottom; text-align: center; padding-bottom: 6px;
  font-weight: 500 }
.matrix thead th.tall span { writing-mode: vertical-rl; transform: rotate(180deg);
  max-height: 130px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.beside { display: flex; flex-wrap: wrap; gap: 28px 56px; align-items: flex-start }
.beside > * { min-width: 0; max-width: 100% } .beside > .scroll { flex: 1 1 320px }
.axes { font-size: 13px; color: var(--soft); margin: 10px 0 0 }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin: 0 4px 0 12px;
  vertical-align: -1px }
.swatch.hit { background: rgb(var(--hit)); margin-left: 0 }
.swatch.miss { background: rgb(var(--miss)) }

.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(148px, 1fr));
  gap: 20px 18px }
.gallery figure { margin: 0; min-width: 0 }
.gallery.double { grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)) }
.gallery .two { display: grid; grid-template-columns: 1fr 1fr; gap: 6px }
.gallery .frame { aspect-ratio: 1; background: var(--card); border: 1px solid var(--faint);
  border-radius: 10px; overflow: hidden; display: grid; place-items: center }
.gallery img { width: 100%; height: 100%; object-fit: contain; display: block }
.gallery img.tiny { image-rendering: pixelated }
.gallery figcaption { font-size: 13.5px; line-height: 1.4; margin-top: 8px }
.gallery .guess { color: var(--red); font-weight: 600 }
.gallery .truth { color: var(--green); font-weight: 600 }
.gallery .id { color: var(--soft); font-size: 12px; display: block; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap }

.facts { display: grid; grid-template-columns: max-content 1fr; gap: 5px 22px; margin: 0;
  font-size: 14.5px }
.facts dt { color: var(--soft) } .facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere }
details { margin-top: 18px }
summary { cursor: pointer; font-size: 14.5px; color: var(--soft) }
summary:hover { color: var(--blue) }
details[open] > summary { margin-bottom: 14px }
footer { margin-top: 72px; padding-top: 18px; border-top: 1px solid var(--faint); font-size: 13px;
  color: var(--soft) }

@media (max-width: 760px) {
  body { padding: 32px 18px 48px }
  section { margin-top: 48px }
  .headline, .pair { grid-template-columns: minmax(0, 1fr); gap: 24px }
  .card { padding: 16px 14px 10px }
  .chart text { font-size: 17px }
  .gallery { grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)) }
  .facts { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 5px 14px }
  .facts dt { overflow-wrap: anywhere }
  th, td { padding-right: 8px }
  table { font-size: 14px }
  .bar { min-width: 58px }
  .stacked thead { display: none }
  .stacked tr { display: block; padding: 10px 0; border-bottom: 1px solid var(--faint) }
  .stacked td { display: flex; justify-content: space-between; gap: 16px; border: 0; padding: 2px 0;
    text-align: left; white-space: normal }
  .stacked td > span { text-align: right }
  .stacked td + td::before { content: attr(data-name); color: var(--soft); flex: none }
  .matrix td { min-width: 28px; height: 28px; font-size: 12px }
  .wide { display: none }
}
@media print { nav { display: none } body { padding: 0 } .card { break-inside: avoid } }
"""
