/**
 * The HTML result's own script: search, filters, sorting, rows made as they are needed. It builds elements only and never
 * parses text as HTML, so that a name stays a name. Without it the page shows every row as a plain table.
 */
export const HTML_SCRIPT = `
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("rows").textContent);
  const rows = data.rows;
  const body = document.getElementById("tenant-rows");
  const shown = document.getElementById("shown");
  const moreButton = document.getElementById("more-rows");
  const search = document.getElementById("search");
  const openAll = document.getElementById("open-all");
  const BATCH = 250;
  const state = { text: "", action: new Set(), outcome: new Set(), sort: "order", down: false, openAll: false };
  let found = rows;
  let drawn = 0;

  const el = (tag, set, ...inner) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(set || {})) {
      if (value === undefined) continue;
      if (name === "text") element.textContent = value;
      else element.setAttribute(name, value);
    }
    element.append(...inner.filter((part) => part !== undefined));
    return element;
  };
  const name = (text) => el("bdi", { text });
  const badge = (kind, value) => {
    const look = data[kind][value];
    return el("span", { class: "badge " + look.tone }, el("span", { text: look.symbol, "aria-hidden": "true" }), look.word);
  };
  const fact = (title, value, isId) =>
    value === undefined || value === "" ? undefined : el("div", {}, el("dt", { text: title }), el("dd", {}, el("bdi", isId ? { text: value, class: "id" } : { text: value })));

  rows.forEach((row, index) => {
    row.order = index;
    const texts = [row.tenant, row.name, row.newTaskId, row.sourceTaskId, row.reason];
    if (row.error) texts.push(row.error.code, row.error.message);
    for (const swap of row.mappings) texts.push(swap.reportId, swap.qlikAppId, swap.newQlikAppId);
    row.text = texts.filter(Boolean).join("\\n").toLowerCase();
  });

  const swapsOf = (row) => {
    const box = el("div", { class: "swaps" }, el("h3", { text: "Overwrite Report Apps" }));
    if (row.mappings.length === 0) {
      box.append(el("p", { text: "No mappings are known." }));
      return box;
    }
    const head = el("tr", {}, ...["Report", "Source app", "Target app"].map((text) => el("th", { scope: "col", text })));
    const lines = row.mappings.map((swap) =>
      el("tr", {}, ...[swap.reportId, swap.qlikAppId, "→ " + swap.newQlikAppId].map((text) => el("td", {}, el("span", { class: "id", text })))));
    box.append(el("table", {}, el("thead", {}, head), el("tbody", {}, ...lines)));
    return box;
  };
  const detailOf = (row, id) => {
    const facts = el("dl", {}, ...[
      fact("Why", row.reason), fact(data.dryRun ? "Would send" : "Sent", row.sent), fact("When", row.when),
      fact("Name of the copy", row.name), fact("Copy", row.newTaskId, true), fact("Source task", row.sourceTaskId, true),
      fact("Line in the manifest", row.line === undefined ? "" : String(row.line)), fact("Verified", row.verified ? "yes: read back equal" : "no"),
    ].filter(Boolean));
    const detail = el("div", { class: "detail" });
    if (row.error) {
      const status = row.error.httpStatus === undefined ? "" : " (HTTP " + row.error.httpStatus + ")";
      const note = el("div", { class: "note " + data.outcomes[row.outcome].tone }, el("h3", { text: row.error.code + status }), el("p", {}, name(row.error.message)));
      if (row.error.hint) note.append(el("p", { class: "hint", text: row.error.hint }));
      detail.append(note);
    }
    detail.append(facts, swapsOf(row));
    return el("tr", { class: "more", id }, el("td", { colspan: "7" }, detail));
  };
  const toggle = (button, line, row, open) => {
    button.setAttribute("aria-expanded", String(open));
    const id = button.getAttribute("aria-controls");
    const old = document.getElementById(id);
    if (open && !old) line.after(detailOf(row, id));
    if (!open && old) old.remove();
  };
  const lineOf = (row) => {
    const button = el("button", { class: "open", type: "button", "aria-expanded": "false", "aria-controls": "d" + row.order }, name(row.tenant));
    const copy = el("td", { class: "copy" }, name(row.name || ""), row.newTaskId ? el("span", { class: "id", text: row.newTaskId }) : undefined);
    const why = row.error ? row.error.code + ": " + row.error.message : row.reason;
    const line = el("tr", { class: "row" },
      el("th", { scope: "row", class: "who" }, button), el("td", {}, badge("actions", row.action)), el("td", {}, badge("outcomes", row.outcome)),
      copy, el("td", { class: "why" }, name(why)), el("td", { text: row.verified ? "yes" : "no" }), el("td", { class: "num", text: row.took }));
    button.addEventListener("click", () => toggle(button, line, row, button.getAttribute("aria-expanded") !== "true"));
    return { button, line, row };
  };
  const draw = (count) => {
    const part = found.slice(drawn, drawn + count).map(lineOf);
    body.append(...part.map((made) => made.line));
    drawn += part.length;
    if (state.openAll) for (const made of part) toggle(made.button, made.line, made.row, true);
    const left = found.length - drawn;
    moreButton.hidden = left === 0;
    moreButton.textContent = "Show more (" + left.toLocaleString("en") + " left)";
  };
  const compare = (a, b) => {
    const [x, y] = [a[state.sort], b[state.sort]];
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x ?? "").localeCompare(String(y ?? ""), "en", { numeric: true });
    return (state.down ? -order : order) || a.order - b.order;
  };
  const apply = () => {
    const words = state.text.toLowerCase().split(/\\s+/).filter(Boolean);
    found = rows.filter((row) =>
      (state.action.size === 0 || state.action.has(row.action)) &&
      (state.outcome.size === 0 || state.outcome.has(row.outcome)) &&
      words.every((word) => row.text.includes(word)));
    if (state.sort !== "order" || state.down) found = [...found].sort(compare);
    body.replaceChildren();
    drawn = 0;
    draw(BATCH);
    const all = rows.length.toLocaleString("en") + (rows.length === 1 ? " tenant" : " tenants");
    shown.textContent = found.length === rows.length ? all : found.length.toLocaleString("en") + " of " + all + " shown";
  };

  for (const kind of ["outcome", "action"]) {
    const box = document.getElementById(kind + "-chips");
    for (const [value, look] of Object.entries(data[kind + "s"])) {
      const count = rows.filter((row) => row[kind] === value).length;
      if (count === 0) continue;
      const chip = el("button", { type: "button", class: "chip " + look.tone, "aria-pressed": "false" }, look.word, el("b", { text: count.toLocaleString("en") }));
      chip.addEventListener("click", () => {
        const on = !state[kind].delete(value);
        if (on) state[kind].add(value);
        chip.setAttribute("aria-pressed", String(on));
        apply();
      });
      box.append(chip);
    }
  }
  for (const button of document.querySelectorAll(".sort"))
    button.addEventListener("click", () => {
      const key = button.dataset.key;
      state.down = state.sort === key ? !state.down : false;
      state.sort = key;
      for (const head of document.querySelectorAll("[aria-sort]")) head.removeAttribute("aria-sort");
      button.parentElement.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      apply();
    });
  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.text = search.value; apply(); }, 120);
  });
  openAll.addEventListener("click", () => {
    state.openAll = !state.openAll;
    openAll.setAttribute("aria-pressed", String(state.openAll));
    apply();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === search) return;
    event.preventDefault();
    search.focus();
  });
  moreButton.addEventListener("click", () => draw(BATCH));
  new IntersectionObserver((seen) => {
    if (seen.some((entry) => entry.isIntersecting) && !moreButton.hidden) draw(BATCH);
  }, { rootMargin: "600px" }).observe(moreButton);
  addEventListener("beforeprint", () => draw(found.length));
  document.getElementById("tools").hidden = false;
  document.getElementById("tenants").hidden = false;
  apply();
})();
`;
