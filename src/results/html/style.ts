/** The style sheet of the HTML result: light and dark by the reader's own setting, and ink on paper when printed. */
export const HTML_STYLE = `
:root{color-scheme:light dark;--bg:#f4f5f8;--card:#fff;--ink:#171b24;--soft:#566072;--line:#dfe3ea;--hair:#eceff4;--head:#f8f9fb;
--accent:#2650c8;--good:#12754a;--bad:#bf2440;--doubt:#6e3fc4;--plan:#1f66c1;--change:#8a5a00;--mute:#5f6979;
--good-bg:#e3f4eb;--bad-bg:#fce8eb;--doubt-bg:#efe8fb;--plan-bg:#e5effb;--change-bg:#fbf0d9;--mute-bg:#edeff3;
--shadow:0 1px 2px rgb(23 27 36/.06),0 4px 16px rgb(23 27 36/.05);--mono:ui-monospace,"Cascadia Mono","SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{--bg:#0e1116;--card:#161b22;--ink:#e7ebf2;--soft:#9aa5b6;--line:#2b323d;--hair:#222833;--head:#1a2029;
--accent:#8fb0ff;--good:#5fd39a;--bad:#ff8296;--doubt:#bd9bff;--plan:#7fb6ff;--change:#eab74f;--mute:#a3adbb;
--good-bg:#12301f;--bad-bg:#3a161d;--doubt-bg:#291c45;--plan-bg:#132a46;--change-bg:#33270d;--mute-bg:#242b35;--shadow:none}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1,h2,h3{line-height:1.25;margin:0;overflow-wrap:anywhere}
h1{font-size:1.7rem;font-weight:680;letter-spacing:-.015em}
h2{font-size:1.12rem;font-weight:650;margin-bottom:.8rem}
h3{font-size:.95rem;font-weight:640}
p{margin:0}
a{color:var(--accent)}
code,.id{font-family:var(--mono);font-size:.86em;overflow-wrap:anywhere}
.skip{position:absolute;left:-9999px}
.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;border-radius:8px;z-index:9}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
.page{max-width:1180px;margin:0 auto;padding:2rem 1.25rem 3rem;display:grid;gap:1.25rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.35rem 1.5rem;box-shadow:var(--shadow);min-width:0}
.eyebrow{font-size:.78rem;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin-bottom:.35rem}
.title{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center;justify-content:space-between}
.verdict{font-weight:650;border-radius:99px;padding:.35rem .95rem;white-space:nowrap}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(265px,100%),1fr));gap:.9rem 1.5rem;margin:1.2rem 0 0}
.facts div{min-width:0}
.facts .wide{grid-column:1/-1}
dt{font-size:.78rem;color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.good{--c:var(--good);--cb:var(--good-bg)}.bad{--c:var(--bad);--cb:var(--bad-bg)}.doubt{--c:var(--doubt);--cb:var(--doubt-bg)}
.plan{--c:var(--plan);--cb:var(--plan-bg)}.change{--c:var(--change);--cb:var(--change-bg)}.mute{--c:var(--mute);--cb:var(--mute-bg)}
.tint{background:var(--cb);color:var(--c)}
.badge{display:inline-flex;gap:.4em;align-items:center;background:var(--cb);color:var(--c);border-radius:6px;padding:.06rem .5rem;font-size:.84rem;font-weight:600;white-space:nowrap}
.notes{list-style:none;margin:0;padding:0;display:grid;gap:.7rem}
.note{border-left:3px solid var(--c);background:var(--cb);border-radius:0 8px 8px 0;padding:.65rem .9rem}
.note h3{color:var(--c)}
.note .at{color:var(--soft);font-size:.87rem}
.hint{margin-top:.25rem;overflow-wrap:anywhere}
.hint::before{content:"→ ";content:"→ " / "";color:var(--accent);font-weight:700}
.note ul{margin:.35rem 0 0;padding-left:1.1rem}
.note .names{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;list-style:none;padding:0}
.note li{overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(125px,1fr));gap:.75rem;margin:0 0 1.15rem;padding:0;list-style:none}
.tile{border:1px solid var(--line);border-radius:10px;padding:.7rem .9rem;border-top:3px solid var(--c)}
.tile b{display:block;font-size:1.65rem;font-weight:680;line-height:1.15;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.87rem}
.tile.none{border-top-color:var(--line)}.tile.none b{color:var(--soft);font-weight:500}
svg{display:block;width:100%;height:auto;overflow:visible}
.bar rect{fill:var(--c)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:.7rem 0 0;padding:0;list-style:none;font-size:.88rem;color:var(--soft)}
.legend i{display:inline-block;width:.7em;height:.7em;border-radius:2px;background:var(--c);margin-right:.45em}
.legend b{color:var(--ink);font-variant-numeric:tabular-nums}
.plot .grid{stroke:var(--hair)}.plot text{fill:var(--soft);font:11px system-ui,sans-serif}.plot rect{fill:var(--c)}
.plot rect:hover{opacity:.65}
.lead{color:var(--soft);margin-bottom:.9rem}
.tools{display:grid;gap:.75rem;margin-bottom:.9rem}
.search{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center}
.search input{flex:1 1 260px;font:inherit;color:inherit;background:var(--bg);border:1px solid var(--line);border-radius:9px;padding:.5rem .8rem;min-width:0}
.chips{display:flex;flex-wrap:wrap;gap:.4rem}
button{font:inherit;color:inherit;cursor:pointer}
.chip,.plain{background:none;border:1px solid var(--line);border-radius:99px;padding:.16rem .75rem;font-size:.87rem}
.chip b{font-variant-numeric:tabular-nums;margin-left:.35em}
.chip[aria-pressed=true]{background:var(--cb);color:var(--c);border-color:var(--c)}
.plain:hover,.chip:hover{border-color:var(--soft)}
.shown{color:var(--soft);font-size:.88rem}
.scroll{overflow-x:auto;margin:0 -1.5rem;padding:0 1.5rem;container-type:inline-size}
table{border-collapse:collapse;width:100%;text-align:left}
.tenants>thead th{position:sticky;top:0;background:var(--card);font-size:.8rem;color:var(--soft);font-weight:600;padding:.45rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
.tenants>tbody>tr>*{padding:.5rem .6rem;border-top:1px solid var(--hair);vertical-align:top;font-weight:400}
.tenants .row:hover{background:var(--head)}
.tenants .who{font-weight:600;min-width:11rem;max-width:17rem;overflow-wrap:anywhere}
.tenants .copy{min-width:19.6rem;max-width:24rem;overflow-wrap:anywhere}
.tenants .copy .id{color:var(--soft);display:block;white-space:nowrap}
.tenants .num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.tenants .why{min-width:11rem;max-width:24rem;overflow-wrap:anywhere}
.sort{background:none;border:0;padding:0;color:inherit;font:inherit}
.sort::after{content:" ↕";content:" ↕" / "";opacity:.45}
[aria-sort=ascending] .sort::after{content:" ↑";content:" ↑" / "";opacity:1}[aria-sort=descending] .sort::after{content:" ↓";content:" ↓" / "";opacity:1}
.open{background:none;border:0;padding:0;text-align:left;font-weight:600;display:flex;gap:.5em}
.open::before{content:"▸";content:"▸" / "";color:var(--soft);transition:transform .12s}
.open[aria-expanded=true]::before{transform:rotate(90deg)}
.more>td{background:var(--head)}
.detail{display:grid;gap:1rem;padding:.4rem .2rem .7rem;position:sticky;left:.8rem;max-width:calc(100cqw - 1.6rem)}
.detail>*{min-width:0}
.detail dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:.55rem 1.5rem;margin:0}
.swaps{border:1px solid var(--line);border-radius:10px;overflow:hidden;background:var(--card)}
.swaps h3{padding:.5rem .8rem;border-bottom:1px solid var(--line);background:var(--mute-bg)}
.swaps th,.swaps td{padding:.35rem .8rem;border-top:1px solid var(--hair);vertical-align:top;font-size:.88rem}
.swaps th{color:var(--soft);font-weight:600;font-size:.78rem}
.swaps p{padding:.6rem .8rem;color:var(--soft)}
.foot{color:var(--soft);font-size:.88rem}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.centre{text-align:center;margin-top:.9rem}
@media (max-width:760px){.page{padding:1rem .75rem}.card{padding:1.1rem}.scroll{margin:0 -1.1rem;padding:0 1.1rem}h1{font-size:1.35rem}}
@media (prefers-reduced-motion:reduce){*{transition:none!important}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--hair:#ddd;--head:#fff;--accent:#000;
--good:#0b5d39;--bad:#9c1730;--doubt:#54299c;--plan:#174f97;--change:#6b4600;--mute:#444;
--good-bg:#fff;--bad-bg:#fff;--doubt-bg:#fff;--plan-bg:#fff;--change-bg:#fff;--mute-bg:#fff;--shadow:none}
body{font-size:10pt}.page{max-width:none;padding:0;gap:.6rem}.card{border:0;border-radius:0;padding:.3rem 0}.chips,.search>:not(.shown),.skip,.centre,.open::before,.sort::after{display:none!important}
.scroll{overflow:visible;margin:0;padding:0;container-type:normal}.detail{position:static;max-width:none}.tenants .who,.tenants .copy,.tenants .why{min-width:0}.tenants .copy .id{white-space:normal}.badge,.verdict{border:1px solid var(--c)}.tile,.note,.row,.swaps,.plot{break-inside:avoid}
.row{break-after:avoid-page}.row:not(:has(+.more)){break-after:auto}.tenants>thead th{position:static}.bar rect,.plot rect,.legend i{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
