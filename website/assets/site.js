/* Code and tables can be wider than the page: what is scrolled by touch is scrolled by keys, too. */
"use strict";
addEventListener("load", () => {
  for (const code of document.querySelectorAll("pre > code")) code.tabIndex = 0;
  const wide = () => {
    for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) {
      if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
      else table.removeAttribute("tabindex");
    }
  };
  wide();
  addEventListener("resize", wide);
  document.fonts.ready.then(wide);
});
