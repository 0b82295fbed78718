/** Runs before anything is shown: until the other script has chosen the first rows, thousands of them need no layout. */
export const EARLY_SCRIPT = `document.documentElement.className = "js";`;

/**
 * The HTML result's own script: search, filters, and tenants opened one by one. The page has every tenant already; the
 * script only hides and shows rows, and never parses text as HTML. Without it everything is shown.
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
  onClick("#more-rows", () => show(room + PAGE));
  onClick("#open-all", (button) => {
    const on = press(button);
    for (const tenant of tenants) open(tenant, on);
  });
  for (const command of document.querySelectorAll(".command")) {
    const text = command.textContent;
    const button = document.createElement("button");
    button.textContent = "Copy";
    // A page of a file may have no clipboard: then the command is selected instead.
    const select = () => getSelection().selectAllChildren(command.firstChild);
    button.addEventListener("click", () => {
      if (!navigator.clipboard) return select();
      navigator.clipboard.writeText(text).then(() => { button.textContent = "Copied"; }, select);
    });
    command.append(button);
  }
  addEventListener("beforeprint", () => show(Infinity));
  search.addEventListener("input", find);
  byId("tools").hidden = false;
  find();
})();
`;

/** The style sheet of the HTML result: light and dark by the reader's own setting, and ink on paper when printed. */
export const HTML_STYLE = `
a{color:inherit}
:root{color-scheme:light dark;--bg:light-dark(#f4f5f8,#0e1116);--card:light-dark(#fff,#161b22);--ink:light-dark(#171b24,#e7ebf2);
--soft:light-dark(#566072,#9aa5b6);--line:light-dark(#dfe3ea,#2b323d);--c:var(--soft)}
.good{--c:light-dark(#12754a,#5fd39a)}
.bad{--c:light-dark(#bf2440,#ff8296)}
.doubt{--c:light-dark(#6e3fc4,#bd9bff)}
.change{--c:light-dark(#8a5a00,#eab74f)}
.accent{--c:light-dark(#1f66c1,#7fb6ff)}
*{box-sizing:border-box;--tint:color-mix(in srgb,var(--c) 11%,var(--card))}
[hidden]{display:none!important}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1,h2,h3,p,dd{margin:0}
h2{font-size:1.1rem;margin-bottom:.7rem}
ul{list-style:none;margin:0;padding:0}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
.skip:not(:focus),.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.page{max-width:1180px;margin:auto;padding:1.5rem 1rem;display:grid;grid-template-columns:minmax(0,1fr);gap:1.2rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.3rem}
.title,.legend,.chips,.names{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center}
.title{justify-content:space-between}
.title,.lead,.chips,.tiles,svg{margin-bottom:.8rem}
.soft,dt,th{color:var(--soft);font-size:.87rem}
.badge{display:inline-block;background:var(--tint);color:var(--c);border-radius:6px;padding:.05rem .5rem;font-weight:600;white-space:nowrap}
.badge::before{content:attr(data-symbol) " ";content:attr(data-symbol) " " / ""}
.id{font:.85em ui-monospace,Consolas,monospace}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(17rem,100%),1fr));gap:.8rem 1.5rem;margin:0}
.note{border-left:3px solid var(--c);background:var(--tint);padding:.6rem .9rem;margin-bottom:.6rem}
.note li{margin-left:1rem}
.hint::before{content:"→ ";content:"→ " / ""}
.hint{margin:.3rem 0}
.command{display:flex;gap:.6rem;align-items:start;justify-content:space-between;margin:.2rem 0 .5rem;padding:.4rem .6rem;background:var(--bg);border-radius:8px;font:.85em ui-monospace,Consolas,monospace;white-space:pre-wrap}
.command code{min-width:0}
.command button{flex:none}
.changed td{font-weight:600}
.swaps .id{display:block;font-weight:400}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.7rem}
.tile{border:1px solid var(--line);border-top:3px solid var(--c);border-radius:8px;padding:.6rem .9rem}
.tile b{display:block;font-size:1.6rem}
svg{display:block;width:100%;overflow:visible}
rect{fill:var(--c)}
.legend li::before{content:"■ ";content:"■ " / "";color:var(--c)}
input{flex:1 1 15rem;font:inherit;padding:.45rem .8rem;border:1px solid var(--line);border-radius:8px;background:var(--bg);color:inherit}
button{font:inherit;color:inherit;cursor:pointer;background:none;border:1px solid var(--line);border-radius:99px;padding:.15rem .75rem}
[aria-pressed=true]{background:var(--tint);color:var(--c);border-color:var(--c)}
.scroll{overflow-x:auto;container-type:inline-size}
table{border-collapse:collapse;width:100%;text-align:left}
th,td{padding:.45rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
.js .row:not(.shown),.js .row:not(.shown)+tr,.js .row:not(.opened)+tr{display:none}
.row th{color:inherit;font-size:inherit;min-width:11rem;max-width:17rem}
.why{min-width:11rem;max-width:24rem}
.copy{min-width:19.5rem;max-width:24rem}
.copy .id{display:block;color:var(--soft)}
.num{text-align:right}
.num,.when{white-space:nowrap}
.open{border:0;border-radius:0;padding:0;text-align:left;font-weight:inherit}
.open::before{content:"▸ ";content:"▸ " / ""}
.open[aria-expanded=true]::before{content:"▾ ";content:"▾ " / ""}
.detail{display:grid;gap:.9rem;position:sticky;left:.6rem;max-width:calc(100cqw - 1.2rem)}
.detail>*{min-width:0}
@media (max-width:640px){.scroll table,.scroll tbody,.scroll tr,.scroll td,.scroll th{display:block}
.scroll thead{display:none}
.row,.swaps tr{border:1px solid var(--line);border-radius:10px;margin-bottom:.6rem;padding:.3rem}
.scroll td,.scroll th{border:0;min-width:0;max-width:none;padding:.15rem .4rem;text-align:left}
.scroll td[data-title]:not(:empty)::before{content:attr(data-title);display:block;color:var(--soft);font-size:.8rem}
.detail{position:static;max-width:none}}
@media print{a{color:inherit}
:root{color-scheme:light;--bg:#fff}
body{font-size:10pt}
.card{border:0;padding:.3rem 0}
input,button:not(.open),.skip,.open::before{display:none}
.scroll{overflow:visible;container-type:normal}
.detail{position:static;max-width:none}
.row th,.copy,.why{min-width:0}
.tile,.note,.row,svg{break-inside:avoid}
rect,.legend li::before{print-color-adjust:exact}}
`;
