// The table of nodes: those that have failed or fallen silent first.

import { byId, fillTable, html, replaceIfNew, setText } from "./dom.js";
import { bytes, count, counted, duration, plain, rate, verdict } from "./words.js";

export function showCluster(run, target) {
  const section = byId("cluster");
  const others = othersOf(target);
  section.hidden = run.nodes_total < 2 && run.node_count < 2 && others.length === 0;
  if (section.hidden) return;
  const { working, done, failed, stale, missing } = run.node_states;
  const states = { working, done, failed, stale, "not heard of": missing };
  const words = Object.entries(states).filter(([, number]) => number > 0)
    .map(([name, number]) => `${count(number)} ${name}`);
  const together = rate(run.rates.last_second.bytes_per_s);
  setText(byId("cluster-of"), `${words.join(", ")}; together ${together}`);
  replaceIfNew(byId("cluster-table"), JSON.stringify(run.nodes), () => {
    const table = html("table");
    fillTable(table, "Nodes", HEADS, run.nodes.map(row));
    return [...table.children];
  });
  const dropped = run.nodes_total - run.nodes.length;
  const lines = dropped > 0 ? [`${counted(dropped, "more node")} not shown`, ...others] : others;
  replaceIfNew(byId("cluster-aside"), JSON.stringify(lines), () =>
    lines.map((line) => html("li", {}, line)));
}

const HEADS = [
  { value: "node" }, { value: "machine" }, { value: "state" }, { value: "verdict" },
  { value: "files", number: true }, { value: "bytes", number: true },
  { value: "now", number: true }, { value: "mean", number: true }, { value: "left", number: true },
  { value: "heard", number: true }, { value: "first error" },
];

function row(node) {
  const { files, bytes: of, rates } = node;
  return {
    class: node.failed ? "bad" : node.stale && "late",
    cells: [
      { value: `${node.node}`, head: true },
      { value: html("span", { class: "path" }, plain(node.host)) },
      { value: state(node) },
      { value: node.verdict ? verdict(node.verdict) : "–" },
      { value: `${count(files.done)} of ${count(files.total)}`, number: true },
      { value: html("span", {}, bytes(of.done), " of ", bytes(of.total)), number: true },
      { value: node.stale ? "–" : rate(rates.last_second.bytes_per_s), number: true },
      { value: rate(rates.bytes_per_s), number: true },
      { value: duration(node.remaining_s), number: true },
      { value: `${duration(node.age_s)} ago`, number: true },
      { value: node.errors.first ? plain(node.errors.first) : "" },
    ],
  };
}

function state(node) {
  if (node.failed) return html("span", { class: "badge bad" }, "✕ failed");
  if (node.stale) return html("span", { class: "badge late" }, "stale");
  return node.phase;
}

/** What lies beside the reports that count: other runs, and what cannot be read. */
function othersOf(target) {
  const runs = target.other_runs.map((run) =>
    `Not added up: another ${run.command} of ${counted(run.reports, "report")}, dataset `
    + `${run.dataset ? plain(run.dataset).slice(0, 12) : "unknown"}`
    + `${run.job ? `, job ${plain(run.job)}` : ""}.`);
  const unreadable = target.unreadable.map((line) => `Not readable: ${plain(line)}`);
  const more = target.unreadable_total - target.unreadable.length;
  if (more > 0) unreadable.push(`and ${counted(more, "more file")} that cannot be read`);
  return [...runs, ...unreadable];
}
