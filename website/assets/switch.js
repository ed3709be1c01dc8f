/* Other versions and the other language: the same page there, where there is one. Works from disk:
   lists are scripts, since pages from disk may not fetch. See website/versions.py for the folders. */
"use strict";
(() => {
  const chinese = document.documentElement.lang.startsWith("zh");
  const language = chinese ? "zh" : "en";
  const assets = new URL(".", document.currentScript.src);
  const pages = new URL("..", assets); // of this language
  const version = chinese ? new URL("..", pages) : pages;
  const site = new URL("..", version);
  const name = decodeURIComponent(version.pathname.split("/").at(-2));
  const here = decodeURIComponent(location.href.split(/[?#]/)[0].slice(pages.href.length)) || "index.html";

  function load(url, then) {
    const script = document.createElement("script");
    script.src = url.href;
    script.addEventListener("load", then);
    document.head.append(script);
  }

  /* The address of this page in another version or language, or of the first page there. */
  function there(root, listed, other) {
    const found = listed[other] && listed[other].includes(here);
    const folder = other === "zh" ? new URL("zh/", root) : root;
    return new URL(found ? here : "index.html", folder).href + (found ? location.hash : "");
  }

  function switchLanguage() {
    const other = chinese ? "en" : "zh";
    for (const link of document.querySelectorAll("a[hreflang]")) {
      if (link.hreflang.startsWith(other)) link.href = there(version, window.CLADENET_PAGES, other);
    }
  }

  function switchVersion() {
    const names = window.CLADENET_VERSIONS;
    const place = document.querySelector(".md-header__inner .md-header__title, header > strong");
    if (!names || names.length < 2 || !place) return;
    const select = document.createElement("select");
    select.className = "version";
    select.setAttribute("aria-label", chinese ? "版本" : "Version");
    for (const each of names) {
      const text = each === "latest" && chinese ? "最新" : each;
      select.append(new Option(text, each, each === name, each === name));
    }
    select.addEventListener("change", () => {
      const root = new URL(`${select.value}/`, site);
      load(new URL("assets/pages.js", root), () => {
        location.href = there(root, window.CLADENET_PAGES, language);
      });
    });
    place.after(select);
  }

  load(new URL("assets/pages.js", version), () => {
    switchLanguage();
    addEventListener("hashchange", switchLanguage);
  });
  load(new URL("versions.js", site), switchVersion);
})();
