"""What the page of `explain` has beyond the report's style."""

STYLE = """
.gallery.trios { grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)) }
.trio { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px }
.trio.duo { grid-template-columns: repeat(2, 1fr) }
.trio small { display: block; font-size: 11.5px; color: var(--soft); text-align: center;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.browser details { margin-top: 8px; border-bottom: 1px solid var(--faint); padding-bottom: 8px }
.browser summary { color: var(--ink) }
.browser .gallery { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 10px }
.browser .gallery figcaption { font-size: 12px }
.key { font-size: 13px; color: var(--soft); display: flex; flex-wrap: wrap; gap: 4px 14px;
  margin-top: 10px }
.key i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 5px }
.units { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 18px }
.units figure { margin: 0; min-width: 0 }
.units .trio img, .strip img { width: 100%; height: auto; display: block; border-radius: 4px }
.units figcaption { font-size: 12.5px; color: var(--soft); margin-top: 4px }
.strip { max-width: 560px }
.chart .wrong { fill: none; stroke: var(--red); stroke-width: 1.6 }
.chart .perfect { stroke: var(--grey); stroke-dasharray: 4 4 }
.chart .share { fill: rgb(var(--hit) / .25) }
.chart .reach { stroke: var(--blue); stroke-width: 1.6 }
@media (max-width: 760px) {
  .gallery.trios, .units { grid-template-columns: minmax(0, 1fr) }
}
@media print {
  section { margin-top: 28px; break-inside: auto }
  figure, tr, .card { break-inside: avoid }
  h2 { break-after: avoid }
  .gallery.trios { grid-template-columns: repeat(3, 1fr) }
  details > summary { list-style: none }
  details:not([open]) { display: none }
}
"""
