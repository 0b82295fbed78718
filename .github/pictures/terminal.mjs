// A terminal of a real size, by tmux, and its screen as SVG: what a person would see, frame by frame.
import { execFileSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";

const FRAME_MS = 120;

/** Opens a shell in a terminal of its own tmux server. `close` ends it. */
export function openTerminal({ columns, rows, cwd, env }) {
  const socket = `qalyptus-pictures-${process.pid}`;
  const tmux = (...args) => execFileSync("tmux", ["-u", "-L", socket, ...args], { encoding: "utf8" });
  const variables = Object.entries({ ...env, LANG: "C.UTF-8", TERM: "tmux-256color", PS1: "\\e[36m$\\e[0m " });
  const shell = ["env", "-i", ...variables.map(([name, value]) => `${name}=${value}`), "bash", "--norc", "--noprofile"];
  execFileSync("tmux", [
    ...["-f", "/dev/null", "-u", "-L", socket, "new-session", "-d", "-s", "picture"],
    ...["-x", String(columns), "-y", String(rows), "-c", cwd, shell.map(quoted).join(" ")],
  ]);
  const screen = () => parsedScreen(tmux("capture-pane", "-e", "-p", "-t", "picture"));
  const plain = () => tmux("capture-pane", "-p", "-t", "picture").trimEnd();
  const isIdle = () => plain().split("\n").at(-1) === "$";
  const type = (text) => tmux("send-keys", "-t", "picture", "-l", text);
  const press = (key) => tmux("send-keys", "-t", "picture", key);
  return {
    screen,
    close: () => tmux("kill-server"),
    /** Runs a command to its end; gives every screen that differed from the one before, with its time in milliseconds. */
    async film(command, { at = {} } = {}) {
      press("C-l");
      await pause(300);
      type(command);
      await pause(200);
      const start = Date.now();
      const frames = [{ at: 0, lines: screen() }];
      const keys = Object.entries(at).map(([ms, key]) => ({ ms: Number(ms), key }));
      press("Enter");
      await pause(FRAME_MS);
      for (let now = FRAME_MS; now < 60_000; now = Date.now() - start) {
        while (keys.length > 0 && keys[0].ms <= now) press(keys.shift().key);
        const lines = screen();
        if (JSON.stringify(lines) !== JSON.stringify(frames.at(-1).lines)) frames.push({ at: now, lines });
        if (isIdle()) return frames;
        await pause(FRAME_MS);
      }
      throw new Error(`the command did not end within a minute: ${command}\n${plain()}`);
    },
  };
}

function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

const CELL = { width: 8.4, height: 18 };
const EDGE = 16;
const BAR = 30;
const COLOURS = ["#6e7681", "#ff7b72", "#5fd39a", "#eab74f", "#79b8ff", "#d2a8ff", "#6cc7d8", "#d7dde6"];
const INK = "#d7dde6";
const PAPER = "#12161c";
const FONTS = "ui-monospace,Cascadia Mono,SF Mono,Menlo,Consolas,DejaVu Sans Mono,monospace";

/** A screen as lines of equally painted runs: `{column, text, style}`. tmux lets a style run on over line ends. */
function parsedScreen(captured) {
  let style = {};
  return captured
    .replace(/\n+$/, "")
    .split("\n")
    .map((line) => {
      const parsed = parsedLine(line, style);
      style = parsed.style;
      return parsed.runs;
    });
}

function parsedLine(line, styleBefore) {
  const runs = [];
  let style = styleBefore;
  let column = 0;
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    const codes = /^\x1b\[([\d;]*)m$/.exec(part);
    if (codes !== null) {
      style = restyled(style, codes[1] === "" ? [0] : codes[1].split(";").map(Number));
      continue;
    }
    for (const piece of part.matchAll(/\S+(?: \S+)*/g)) {
      const before = [...part.slice(0, piece.index)].length;
      runs.push({ column: column + before, text: piece[0], style });
    }
    column += [...part].length;
  }
  return { runs, style };
}

function restyled(style, codes) {
  let now = style;
  for (const code of codes) now = restyledBy(now, code);
  return now;
}

function restyledBy(style, code) {
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, colour: undefined };
  // The ground's own colour: nothing here paints another.
  if (code === 49) return style;
  if (code >= 30 && code <= 37) return { ...style, colour: COLOURS[code - 30] };
  if (code >= 90 && code <= 97) return { ...style, colour: COLOURS[code - 90] };
  throw new Error(`an SGR code that this converter does not know: ${code}`);
}

/** A run's place and length are said, so that any monospace font keeps the columns. */
function runSvg({ column, text, style }) {
  const length = round([...text].length * CELL.width);
  const paint = `${style.colour === undefined ? "" : ` fill="${style.colour}"`}${style.bold ? ' font-weight="700"' : ""}${style.dim ? ' opacity=".62"' : ""}`;
  return `<text x="${round(EDGE + column * CELL.width)}" textLength="${length}"${paint}>${escaped(text)}</text>`;
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function round(value) {
  return Math.round(value * 10) / 10;
}

/** Screens as one picture. Several are shown one after the other, the last for `holdMs`; who wants no motion sees the last. */
export function terminalSvg(frames, { columns, title, holdMs = 6000 }) {
  const rows = Math.max(...frames.map(({ lines }) => lines.length));
  const [width, height] = [round(columns * CELL.width + 2 * EDGE), round(rows * CELL.height + 2 * EDGE + BAR)];
  const kept = new Map();
  const screens = frames.map(({ lines }) => lines.map((line, row) => lineUse(line, row, kept)).join(""));
  const defined = [...kept].map(([drawn, id]) => `<g id="${id}">${drawn}</g>`);
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, at) => `<circle cx="${EDGE + 4 + at * 18}" cy="${BAR / 2 + 3}" r="5.5" fill="${colour}"/>`,
  );
  const groups = screens.map((screen, at) => `<g class="f" id="f${at}">${screen}</g>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>${frames.length === 1 ? "" : `<style>${filmStyle(frames, holdMs)}</style>`}`,
    `<rect width="${width}" height="${height}" rx="9" fill="${PAPER}"/>${dots.join("")}<defs>${defined.join("\n")}</defs>`,
    `<g fill="${INK}" font-size="13.5" font-family="${FONTS}">${groups.join("\n")}</g></svg>\n`,
  ].join("\n");
}

/** A line is drawn once and used wherever it stands. */
function lineUse(runs, row, kept) {
  if (runs.length === 0) return "";
  const drawn = runs.map(runSvg).join("");
  if (!kept.has(drawn)) kept.set(drawn, `l${kept.size}`);
  return `<use href="#${kept.get(drawn)}" y="${round(BAR + EDGE + (row + 0.75) * CELL.height)}"/>`;
}

function filmStyle(frames, holdMs) {
  const total = frames.at(-1).at + holdMs;
  const percent = (ms) => Math.round((ms / total) * 1e5) / 1e3;
  const rules = frames.map(({ at }, index) => {
    const [from, to] = [percent(at), index === frames.length - 1 ? 100 : percent(frames[index + 1].at)];
    const before = from === 0 ? "" : "0%{visibility:hidden}";
    const after = to === 100 ? "" : `${to}%{visibility:hidden}`;
    return `@keyframes k${index}{${before}${from}%{visibility:visible}${after}}#f${index}{animation:k${index} ${total}ms step-end infinite}`;
  });
  const still =
    "@media (prefers-reduced-motion:reduce){.f{animation:none!important}.f:last-of-type{visibility:visible}}";
  return `.f{visibility:hidden}${rules.join("")}${still}`;
}
