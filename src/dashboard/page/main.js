// Where the page begins: the stream comes in, and what was chosen is kept in the address, so that
// every view has a link and the browser's way back works.

import { showCluster } from "./cluster.js";
import { byId, fillTable, html, replaceIfNew, setText } from "./dom.js";
import { FileView } from "./file.js";
import { VerdictMap } from "./map.js";
import { showOverview } from "./overview.js";
import { ProcessView } from "./process.js";
import { listen } from "./stream.js";
import { showThreads } from "./threads.js";
import {
  bytes, classBadge, classOf, count, counted, duration, plain, sourceWords,
} from "./words.js";

/** How often what is open is asked for again. */
const REFRESH_MS = 1000;
const LATEST_ROWS = 20;

let frame = null;
const maps = new Map();
const asked = { busy: false, again: false, at: -Infinity };

const link = (changes) => {
  const place = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) place.delete(name);
    else place.set(name, value);
  }
  return `#${place}`;
};
const go = (changes) => {
  location.hash = link(changes);
};
const linkToFile = (path) => link({ file: path });

const map = new VerdictMap((node, process) =>
  go({ process: `${node}/${process}`, from: null, file: null }));
const processView = new ProcessView(linkToFile, (from) => go({ from }), () => {
  go({ process: null, from: null, file: null });
  byId("map-canvas").focus();
});
const fileView = new FileView(linkToFile, () => {
  go({ file: null });
  byId(byId("process").hidden ? "map-canvas" : "process").focus();
});

/** What the address says: which target and run, and what is open of it. */
function place() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const number = (name) => Math.max(0, Number.parseInt(hash.get(name) ?? "0", 10) || 0);
  const process = /^(\d+)\/(\d+)$/.exec(hash.get("process") ?? "");
  return {
    target: number("target"),
    command: hash.get("run"),
    process: process && { node: Number(process[1]), process: Number(process[2]) },
    from: number("from"),
    file: hash.get("file"),
  };
}

/** The target and the run that are shown: those of the address, or the run that spoke last. */
function current() {
  if (!frame) return {};
  const { target: wanted, command } = place();
  const index = Math.min(wanted, frame.targets.length - 1);
  const target = frame.targets[index];
  const latest = [...target.runs].sort((a, b) => b.updated - a.updated)[0];
  const run = target.runs.find((found) => found.command === command) ?? latest;
  return { index, target, run };
}

function show() {
  const { index, target, run } = current();
  if (!target) return;
  showTargets(index, run);
  showProblem(target);
  document.title = run ? `${run.judged?.verdict ?? run.phase} – seedfs` : "seedfs";
  byId("overview").hidden = !run;
  if (!run) return;
  showOverview(run);
  showLatest(run);
  showCluster(run, target);
  showThreads(run);
  setText(byId("about"), `seedfs ${frame.version}. This page only looks: nothing on it changes `
    + "what it shows.");
}

function showMap() {
  const { index, run } = current();
  map.show((run && maps.get(`${index}/${run.command}`)) ?? null);
}

function showTargets(index, run) {
  const items = frame.targets.flatMap((target, number) =>
    (target.runs.length > 0 ? target.runs : [null]).map((found) => ({
      words: plain(target.name) + (target.runs.length > 1 ? ` · ${found.command}` : ""),
      href: `#${new URLSearchParams({ target: number, ...(found && { run: found.command }) })}`,
      current: number === index && found?.command === run?.command,
    })));
  replaceIfNew(byId("targets"), JSON.stringify(items), () =>
    items.map(({ words, href, current: is }) =>
      html("a", { href, "aria-current": is && "page" }, words)));
}

function showProblem({ name, absent, silent_s: silent }) {
  const problem = byId("problem");
  const words = silent !== null
    ? `${plain(name)} has not answered for ${duration(silent)}; what follows is from before.`
    : absent && `${plain(name)}: ${plain(absent)}. What follows is from before.`;
  problem.hidden = !words;
  setText(problem, words || "");
}

/** The latest wrong ranges of all files. */
function showLatest({ wrong, judged, nodes_total: nodes }) {
  byId("latest").hidden = wrong.total === 0;
  const classes = Object.entries(judged?.mismatches ?? {})
    .filter(([name, number]) => name !== "seen" && number > 0)
    .map(([name, number]) => `${count(number)} ${name}`);
  setText(byId("latest-of"), `${counted(wrong.total, "range")} seen: ${classes.join(", ")}`);
  const ranges = wrong.ranges.slice(-LATEST_ROWS).reverse();
  const row = (range) => ({
    cells: [
      {
        head: true,
        value: html("a", { class: "path", href: linkToFile(range.path) }, plain(range.path)),
      },
      { value: count(range.offset), number: true },
      { value: bytes(range.length), number: true },
      { value: html("span", { class: "verdict" }, classBadge(range), classOf(range)) },
      { value: sourceWords(range) },
      ...(nodes > 1 ? [{ value: `${range.node} (${plain(range.host)})` }] : []),
    ],
  });
  replaceIfNew(byId("latest-table"), JSON.stringify([ranges, location.hash]), () => {
    const table = html("table");
    fillTable(table, "Wrong ranges", [
      { value: "file" }, { value: "offset", number: true }, { value: "length", number: true },
      { value: "class" }, { value: "where it came from" },
      ...(nodes > 1 ? [{ value: "node" }] : []),
    ], ranges.map(row));
    return [...table.children];
  });
}

async function ask(kind, parameters) {
  const response = await fetch(`/api/${kind}?${new URLSearchParams(parameters)}`);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** Asks for what is open, one question at a time. */
async function refresh() {
  const { process, file } = place();
  if (!process) processView.show(null);
  if (file === null) fileView.show(null);
  const { index, run } = current();
  if (!run || (!process && file === null)) return;
  if (asked.busy) {
    asked.again = true;
    return;
  }
  Object.assign(asked, { busy: true, again: false, at: performance.now() });
  await Promise.all([
    process && askProcess({ target: index, run: run.command, ...process }),
    file !== null && askFile({ target: index, run: run.command, path: file }),
  ]);
  asked.busy = false;
  if (asked.again) refresh();
}

async function askProcess(parameters) {
  const { node, process } = parameters;
  const stays = () => {
    const open = place().process;
    return open !== null && open.node === node && open.process === process;
  };
  try {
    const page = await ask("process", { ...parameters, from: place().from });
    if (stays()) processView.show(page, place().file);
  } catch (error) {
    if (stays()) processView.fail(node, process, error.message);
  }
}

async function askFile(parameters) {
  const stays = () => place().file === parameters.path;
  try {
    const document = await ask("file", parameters);
    if (stays()) fileView.show(document);
  } catch (error) {
    if (stays()) fileView.fail(parameters.path, error.message);
  }
}

function showAll() {
  show();
  showMap();
  refresh();
}

addEventListener("hashchange", showAll);
// The token came once in the address and is in a cookie now; it need not be seen.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);

listen("/events", {
  state(state, words) {
    byId("connection").dataset.state = state;
    setText(byId("connection"), words);
  },
  frame(received) {
    performance.mark("frame-start");
    const first = frame === null;
    const isSeen = document.visibilityState === "visible";
    frame = received;
    show();
    if (first) showMap();
    if (isSeen && performance.now() - asked.at >= REFRESH_MS - 100) {
      refresh();
    }
    performance.measure("frame", "frame-start");
  },
  map(received) {
    maps.set(`${received.target}/${received.run}`, received.map);
    showMap();
  },
});
