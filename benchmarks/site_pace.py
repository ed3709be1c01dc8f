"""The family tree in a headless Chromium, from disk: weight, first paint, how fast it answers.

    make docs && python benchmarks/site_pace.py [build/site/latest] [--json FILE]

Each act is done ten times; from the event until the frame that shows what came of it.
"""

import argparse
import gzip
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

from selenium import webdriver

TREE = ("tree.css", "tree-data.js", "data.js", "drawing.js", "panel.js", "page.js")
ROUNDS = 10
DEEPEST = ("preact_resnet1001_cifar", "resnet1202_stochastic_depth_cifar")
ACTS = {
    "choose a network": "choose(names[i * 31 % names.length])",
    "choose a second one": "choose('resnet50,' + names[i * 29 % names.length])",
    "compare the two deepest": f"choose(i % 2 ? '{','.join(DEEPEST)}' : '')",
    "filter by an idea": "set('idea', i % 2 ? '' : 'residual', 'input')",
    "filter by MACs": "set('macs', i % 2 ? '' : '500', 'input')",
    "parameters upwards": "set('upwards', i % 2 ? 'lineage' : 'params', 'change')",
    "errors upwards": "set('upwards', i % 2 ? 'lineage' : 'error', 'change')",
    "dots by MACs": "set('size', i % 2 ? 'equal' : 'macs', 'change')",
    "as a table": "document.getElementById('as-table').click()",
}
SCRIPT = """
const done = arguments[arguments.length - 1], i = arguments[0];
const names = window.tree.networks.map((each) => each.name);
const set = (id, value, kind) => {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event(kind, { bubbles: true }));
};
const choose = (value) => {
  const [first, second] = value.split(",");
  document.getElementById("first").value = first || "";
  document.getElementById("second").value = second || "";
  document.getElementById("first").dispatchEvent(new Event("change", { bubbles: true }));
};
requestAnimationFrame(() => {
  const began = performance.now();
  ACT;
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
});
"""


def main() -> None:
    """Print all of it, and write it down where a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", nargs="?", type=Path, default=Path("build/site/latest"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measured(arguments.site.resolve())
    for name, figures in found.items():
        print(f"{name}: " + ", ".join(f"{key} {figure:.0f}" for key, figure in figures.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


def measured(site: Path) -> dict[str, dict[str, float]]:
    """Kilobytes and milliseconds, by what they are of."""
    files = [site / "tree.html", *(site / "assets" / "tree" / name for name in TREE)]
    files += [site / "assets" / name for name in ("switch.js", "pages.js")]
    contents = [file.read_bytes() for file in files]
    packed = sum(len(gzip.compress(each)) for each in contents)
    found = {"kB, no pictures": {"plain": sum(map(len, contents)) / 1e3, "packed": packed / 1e3}}
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(word)
    options.binary_location = shutil.which("chromium") or ""
    driver = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=driver)
    try:
        found["ms, first paint"] = summary([first_paint(browser, site) for _ in range(ROUNDS)])
        for name, act in ACTS.items():
            script = SCRIPT.replace("ACT", act)
            times = [browser.execute_async_script(script, i) for i in range(ROUNDS)]
            found[f"ms, {name}"] = summary(times)
    finally:
        browser.quit()
    return found


def summary(times: list[float]) -> dict[str, float]:
    """The middle and the worst."""
    return {"median": statistics.median(times), "worst": max(times)}


def first_paint(browser: Any, site: Path) -> float:
    """Milliseconds from navigation to the first contentful paint."""
    browser.get("about:blank")
    browser.get((site / "tree.html").as_uri())
    entry = "performance.getEntriesByName('first-contentful-paint')[0]"
    found: float = browser.execute_async_script(
        f"const done = arguments[0]; const look = () => {entry} ? done({entry}.startTime)"
        " : setTimeout(look, 20); look();"
    )
    return found


if __name__ == "__main__":
    main()
