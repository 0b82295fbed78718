/**
 * The HTML result's own script: search, filters, sorting, and tenants opened one by one. The page has every tenant already; the
 * script only hides, shows and moves rows, and never parses text as HTML. Without it everything is shown.
 */
export const HTML_SCRIPT = `
"use strict";
(() => {
  const PAGE = 500;
  const body = document.getElementById("tenant-rows");
  const search = document.getElementById("search");
  const moreButton = document.getElementById("more-rows");
  const chosen = { action: new Set(), outcome: new Set() };
  let found = [];
  let room = PAGE;

  const tenants = [...body.querySelectorAll(".row")].map((row) => {
    const detail = row.nextElementSibling;
    const button = document.createElement("button");
    button.className = "open";
    button.setAttribute("aria-controls", detail.id);
    button.append(...row.cells[0].childNodes);
    row.cells[0].append(button);
    const text = [...row.cells, ...detail.querySelectorAll(".id")].map((part) => part.textContent).join("\\n");
    const tenant = { row, detail, button, text: text.toLowerCase(), isOpen: false };
    button.addEventListener("click", () => {
      tenant.isOpen = !tenant.isOpen;
      show();
    });
    return tenant;
  });

  const show = () => {
    const shown = new Set(found.slice(0, room));
    for (const tenant of tenants) {
      const { row, detail, button, isOpen } = tenant;
      row.hidden = !shown.has(tenant);
      detail.hidden = row.hidden || !isOpen;
      button.setAttribute("aria-expanded", String(isOpen));
    }
    const left = found.length - shown.size;
    moreButton.hidden = left === 0;
    moreButton.textContent = "Show more (" + left.toLocaleString("en") + " left)";
  };
  const showMore = (rows) => {
    room += rows;
    show();
  };
  const find = () => {
    const words = search.value.toLowerCase().split(/\\s+/);
    const isChosen = (row, kind) => chosen[kind].size === 0 || chosen[kind].has(row.dataset[kind]);
    found = tenants.filter(({ row, text }) =>
      isChosen(row, "action") && isChosen(row, "outcome") && words.every((word) => text.includes(word)));
    room = PAGE;
    show();
    const all = tenants.length.toLocaleString("en") + (tenants.length === 1 ? " tenant" : " tenants");
    const some = found.length.toLocaleString("en") + " of " + all + " shown";
    document.getElementById("shown").textContent = found.length === tenants.length ? all : some;
  };
  const { compare } = new Intl.Collator("en", { numeric: true });
  const sort = (head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyOf = ({ row }) => row.cells[head.cellIndex].dataset.sort ?? row.cells[head.cellIndex].textContent;
    tenants.sort((a, b) => (down ? compare(keyOf(b), keyOf(a)) : compare(keyOf(a), keyOf(b))));
    for (const { row, detail } of tenants) body.append(row, detail);
    find();
  };
  const press = (button) => {
    const on = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(on));
    return on;
  };

  for (const chip of document.querySelectorAll("[data-kind]"))
    chip.addEventListener("click", () => {
      const { kind, value } = chip.dataset;
      if (press(chip)) chosen[kind].add(value);
      else chosen[kind].delete(value);
      find();
    });
  for (const button of document.querySelectorAll(".sort"))
    button.addEventListener("click", () => sort(button.parentElement));
  const openAll = document.getElementById("open-all");
  openAll.addEventListener("click", () => {
    const isOpen = press(openAll);
    for (const tenant of tenants) tenant.isOpen = isOpen;
    show();
  });
  search.addEventListener("input", find);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === search) return;
    event.preventDefault();
    search.focus();
  });
  moreButton.addEventListener("click", () => showMore(PAGE));
  addEventListener("beforeprint", () => showMore(Infinity));
  document.getElementById("tools").hidden = false;
  find();
})();
`;
