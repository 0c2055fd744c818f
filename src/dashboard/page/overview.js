// What there is to say about a run as a whole.

import { chart } from "./chart.js";
import { byId, html, replaceIfNew, setText } from "./dom.js";
import { fillStack } from "./stack.js";
import { bytes, count, counted, data, duration, latency, mark, moment, percent, perSecond, plain,
  rate, size } from "./words.js";

const JUDGED = ["matched", "missing", "wrong", "extra"];
const FILES = ["verified", "incomplete", "untouched", "mismatch"];
const LIVELY = { write: "writes", verify: "reads" };

export function showOverview(run) {
  showVerdict(run);
  showTallies(run);
  showThroughput(run);
  showErrors(run);
}

/** The word that matters most: the verdict, or of a run that judges nothing, what it is at. */
function showVerdict(run) {
  const judged = run.judged?.verdict;
  const sign = judged ?? { done: "verified", failed: "mismatch" }[run.phase] ?? "working";
  const word = judged ?? run.phase;
  const shown = byId("verdict");
  shown.dataset.verdict = judged ?? "none";
  replaceIfNew(shown, `${sign}/${word}`, () => [mark(sign), word]);
  setText(byId("what"), `${run.command} of ${plain(run.target)}`);
  setText(byId("verdict-detail"), detail(run));
  const facts = factsOf(run);
  replaceIfNew(byId("facts"), JSON.stringify(facts), () =>
    facts.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));
}

function detail(run) {
  const { phase, remaining_s: left } = run;
  if (run.command === "mount") return nodesWords(run);
  const parts = [phase, `${run.percent_complete.toFixed(1)} %`];
  if (phase !== "done" && phase !== "failed" && left !== null) parts.push(`${duration(left)} left`);
  return parts.join(" · ");
}

function nodesWords({ nodes_total: total, node_states: states }) {
  if (total < 2) return "";
  const parts = [counted(total, "mount")];
  if (states.stale > 0) parts.push(`${states.stale} stale`);
  return parts.join(", ");
}

function factsOf(run) {
  const facts = [];
  if (run.seed !== null) facts.push(["seed", plain(run.seed)]);
  if (run.dataset) facts.push(["dataset", `${plain(run.dataset).slice(0, 12)}…`]);
  if (run.job) facts.push(["job", plain(run.job)]);
  if (run.node_count > 1 && run.command !== "mount") {
    const { missing, stale, failed, done, working } = run.node_states;
    const states = { working, done, failed, stale, "not heard of": missing };
    const words = Object.entries(states).filter(([, number]) => number > 0)
      .map(([name, number]) => `${number} ${name}`);
    facts.push(["nodes", `${run.node_count}: ${words.join(", ")}`]);
  }
  const only = run.nodes.length === 1 ? run.nodes[0] : null;
  if (only?.host) {
    facts.push(["machine", plain(only.host) + (only.pid > 0 ? `, pid ${only.pid}` : "")]);
  }
  if (run.alone?.started > 0) facts.push(["since", moment(run.alone.started)]);
  if (run.alone?.kept) facts.push(["memory", memoryWords(run.alone.kept)]);
  const refused = refusedWords(run.alone?.operations?.refused);
  if (refused) facts.push(["refused", refused]);
  return facts;
}

function memoryWords({ bytes: kept, bytes_limit: most, extents, extents_limit: extentsMost }) {
  return `${size(kept)} of ${size(most)} kept, ${count(extents)} of ${count(extentsMost)} extents`;
}

function refusedWords(refused) {
  const parts = [];
  if (refused?.rejected > 0) parts.push(`${counted(refused.rejected, "write")} with mismatches`);
  if (refused?.no_space > 0) parts.push(`${counted(refused.no_space, "write")} for want of room`);
  return parts.join(", ");
}

function showTallies({ judged, files, bytes: done, command }) {
  if (judged) {
    const about = judged.bytes.estimated ? "about " : "";
    showTally("bytes", JUDGED, judged.bytes, judged.bytes.expected, about, bytes);
    showTally("files", FILES, judged.files, judged.files.total, "", (value) =>
      data(value, count(value)));
    return;
  }
  const left = { matched: done.done, missing: Math.max(0, done.total - done.done) };
  const words = { matched: command === "write" ? "written" : "read", missing: "to do" };
  showTally("bytes", ["matched", "missing"], left, done.total, "", bytes, words);
  const parts = {
    verified: files.done,
    mismatch: files.failed,
    untouched: Math.max(0, files.total - files.done - files.failed),
  };
  showTally("files", ["verified", "untouched", "mismatch"], parts, files.total, "", (value) =>
    data(value, count(value)), { verified: "done", untouched: "to do", mismatch: "failed" });
}

function showTally(name, parts, values, whole, about, shown, words = {}) {
  const key = JSON.stringify([parts, values, whole, about, words]);
  const word = (part) => words[part] ?? part;
  replaceIfNew(byId(`${name}-tally`), key, () => {
    fillStack(byId(`${name}-bar`), parts, values);
    const expected = name === "bytes" ? " expected" : "";
    byId(`${name}-of`).replaceChildren(about, shown(whole), expected);
    return parts.map((part) => html("div", { "data-part": word(part) },
      html("span", { class: `swatch fill-${part}`, "aria-hidden": "true" }),
      html("dt", {}, word(part)),
      html("dd", {}, shown(values[part]), " ",
        html("span", { class: "of" }, values[part] > 0 ? percent(values[part], whole) : ""))));
  });
}

function showThroughput({ history, rates, command }) {
  const names = command === "mount" ? ["reads", "writes"] : [LIVELY[command] ?? "reads"];
  const series = names.map((name) => ({ name, samples: history[name] }));
  const latest = (samples) => samples[samples.length - 1] ?? 0;
  const items = series.map(({ name, samples }) => html("p", {},
    html("span", { class: `key ${name}`, "aria-hidden": "true" }),
    html("span", { class: "name" }, `${name} `),
    html("span", { class: "rate" }, rate(latest(samples)))));
  const more = command === "mount"
    ? ["read_operations", "write_operations"].map((name) => perSecond(latest(history[name])))
    : [perSecond(rates.last_second.files_per_s)];
  const words = command === "mount"
    ? `${more[0]} reads${took(history.read_s)}, ${more[1]} writes${took(history.write_s)}`
    : `${more[0]} files; since the start ${rate(rates.bytes_per_s)}`;
  setText(byId("throughput-of"), words);
  byId("throughput").replaceChildren(
    html("div", { class: "rates" }, ...items), chart(series, history.step_s));
}

/** How long one takes inside seedfs, where some were timed. */
function took(seconds) {
  return seconds === null ? "" : ` of ${latency(seconds)}`;
}

function showErrors(run) {
  const list = byId("errors");
  const { errors } = run;
  const lines = [];
  if (errors.total > 0) {
    const first = errors.first ? `, the first: ${plain(errors.first)}` : "";
    lines.push(`${counted(errors.total, "error")}${first}`);
  }
  if (run.judged?.unexpected > 0) {
    const names = counted(run.judged.unexpected, "name");
    lines.push(`${names} in the target ${run.judged.unexpected === 1 ? "is" : "are"} unexpected`);
  }
  list.hidden = lines.length === 0;
  replaceIfNew(list, JSON.stringify(lines), () => lines.map((line) => html("li", {}, line)));
}
