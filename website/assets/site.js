/* Code can be wider than the page: it is scrolled by keys, too. */
"use strict";
addEventListener("load", () => {
  for (const code of document.querySelectorAll("pre > code")) code.tabIndex = 0;
});
