// Tables in order by a click on a header; buttons and a filter for trees. Pages read well
// without it, and it asks nothing of the network.
(() => {
  "use strict";
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const plain =
    "all:revert;font:inherit;color:inherit;background:none;border:0;padding:0;" +
    "cursor:pointer;text-align:inherit";

  const keyOf = (cell) => {
    if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    return cell.classList.contains("absent") ? null : cell.textContent.trim();
  };

  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return collator.compare(a, b);
  };

  const sort = (table, header) => {
    const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) {
      other.removeAttribute("aria-sort");
      other.querySelector(".arrow").textContent = " ↕";
    }
    header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    header.querySelector(".arrow").textContent = sign > 0 ? " ↑" : " ↓";
    const rows = [...table.tBodies[0].rows].map((row) => [keyOf(row.cells[header.cellIndex]), row]);
    const known = rows.filter(([key]) => key !== null);
    const absent = rows.filter(([key]) => key === null);
    known.sort(([a], [b]) => sign * compare(a, b));
    table.tBodies[0].append(...[...known, ...absent].map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table.sortable:not([data-ready])")) {
    table.dataset.ready = "";
    for (const header of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.style.cssText = plain;
      button.append(...header.childNodes);
      const arrow = document.createElement("span");
      arrow.className = "arrow";
      arrow.setAttribute("aria-hidden", "true");
      arrow.textContent = " ↕";
      button.append(arrow);
      button.addEventListener("click", () => sort(table, header));
      header.append(button);
    }
  }

  const filter = (tree, words) => {
    for (const item of [...tree.querySelectorAll("li")].reverse()) {
      const inner = [...item.querySelectorAll("li")];
      const own = item.textContent.toLowerCase();
      item.hidden = inner.length
        ? inner.every((li) => li.hidden)
        : !words.every((word) => own.includes(word));
      if (inner.length && words.length) item.querySelector("details").open = !item.hidden;
    }
  };

  for (const tree of document.querySelectorAll(".tree:not([data-ready])")) {
    tree.dataset.ready = "";
    const tools = document.createElement("p");
    tools.className = "tools";
    for (const [label, open] of [["Open all", true], ["Close all", false]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => {
        for (const part of tree.querySelectorAll("details")) part.open = open;
      });
      tools.append(button, " ");
    }
    const search = document.createElement("input");
    search.type = "search";
    search.placeholder = "filter, e.g. runs here";
    search.setAttribute("aria-label", "Show only entries that hold these words");
    search.addEventListener("input", () =>
      filter(tree, search.value.toLowerCase().split(/\s+/).filter(Boolean)));
    tools.append(search);
    tree.prepend(tools);
  }
})();
