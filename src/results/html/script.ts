/** Runs before anything is shown: until the other script has chosen the first rows, thousands of them need no layout. */
export const EARLY_SCRIPT = `document.documentElement.className = "js";`;

/**
 * The HTML result's own script: search, filters, sorting, and tenants opened one by one. The page has every tenant already; the
 * script only hides, shows and moves rows, and never parses text as HTML. Without it everything is shown.
 */
export const HTML_SCRIPT = `
"use strict";
(() => {
  const PAGE = 500;
  const byId = (id) => document.getElementById(id);
  const number = (count) => count.toLocaleString("en");
  const search = byId("search");
  let found = [];
  let room = PAGE;

  const tenants = [...document.querySelectorAll(".row")].map((row) => {
    const detail = row.nextElementSibling;
    const button = document.createElement("button");
    button.className = "open";
    button.setAttribute("aria-controls", detail.id);
    button.setAttribute("aria-expanded", "false");
    button.append(...row.cells[0].childNodes);
    row.cells[0].append(button);
    const texts = [...row.cells, ...detail.querySelectorAll(".id")].map((part) => part.textContent);
    return { row, detail, button, text: texts.join("\\n").toLowerCase() };
  });

  const show = (rows) => {
    room = rows;
    const shown = new Set(found.slice(0, room));
    for (const tenant of tenants) tenant.row.classList.toggle("shown", shown.has(tenant));
    const left = found.length - shown.size;
    byId("more-rows").hidden = left === 0;
    byId("more-rows").textContent = "Show more (" + number(left) + " left)";
  };
  const find = () => {
    const words = search.value.toLowerCase().split(/\\s+/);
    const filters = ["action", "outcome"].map((kind) => {
      const pressed = [...document.querySelectorAll("[data-kind=" + kind + "][aria-pressed=true]")];
      return pressed.map((chip) => "[data-" + kind + "=" + chip.dataset.value + "]").join() || "*";
    });
    found = tenants.filter(({ row, text }) =>
      filters.every((filter) => row.matches(filter)) && words.every((word) => text.includes(word)));
    show(PAGE);
    const all = number(tenants.length) + (tenants.length === 1 ? " tenant" : " tenants");
    byId("shown").textContent = found.length === tenants.length ? all : number(found.length) + " of " + all + " shown";
  };
  const { compare } = new Intl.Collator("en", { numeric: true });
  const sort = (head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyOf = ({ row }) => row.cells[head.cellIndex].dataset.sort ?? row.cells[head.cellIndex].textContent;
    tenants.sort((a, b) => (down ? compare(keyOf(b), keyOf(a)) : compare(keyOf(a), keyOf(b))));
    for (const { row, detail } of tenants) byId("tenant-rows").append(row, detail);
    find();
  };

  const press = (button) => {
    const on = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(on));
    return on;
  };
  const onClick = (buttons, act) => {
    for (const button of document.querySelectorAll(buttons)) button.addEventListener("click", () => act(button));
  };
  const open = ({ row, button }, on) => {
    row.classList.toggle("opened", on);
    button.setAttribute("aria-expanded", String(on));
  };
  for (const tenant of tenants)
    tenant.button.addEventListener("click", () => open(tenant, !tenant.row.classList.contains("opened")));
  onClick("[data-kind]", (chip) => {
    press(chip);
    find();
  });
  onClick(".sort", (button) => sort(button.parentElement));
  onClick("#more-rows", () => show(room + PAGE));
  onClick("#open-all", (button) => {
    const on = press(button);
    for (const tenant of tenants) open(tenant, on);
  });
  addEventListener("beforeprint", () => show(Infinity));
  search.addEventListener("input", find);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === search) return;
    event.preventDefault();
    search.focus();
  });
  byId("tools").hidden = false;
  find();
})();
`;
