// What each thread of a write or a verification does.

import { byId, html, setText } from "./dom.js";
import { count, counted, duration, perSecond, plain, size } from "./words.js";

export function showThreads(run) {
  const section = byId("threads");
  const nodes = run.threads.filter(({ threads }) => threads.length > 0);
  section.hidden = nodes.length === 0;
  if (section.hidden) return;
  const parts = [`${perSecond(run.rates.last_second.files_per_s)} files`];
  if (run.remaining_s !== null) parts.push(`${duration(run.remaining_s)} left`);
  const dropped = run.threads_total - nodes.reduce((sum, { threads }) => sum + threads.length, 0);
  if (dropped > 0) parts.push(`${counted(dropped, "more thread")} not shown`);
  setText(byId("threads-of"), parts.join(" · "));
  byId("threads-list").replaceChildren(...nodes.map(({ node, host, threads }) =>
    html("div", { class: "node-threads" },
      nodes.length > 1 ? html("h3", {}, `node ${node} `,
        html("span", { class: "of path" }, plain(host))) : null,
      html("ul", { class: "thread-grid" }, ...threads.map(thread)))));
}

function thread({ doing, bytes, idle_share: idle }, index) {
  const path = doing === null ? "nothing" : plain(doing);
  const busy = Math.round(100 * (1 - idle));
  const bar = html("span");
  bar.style.width = `${busy}%`;
  return html("li", { class: "thread" },
    html("span", { class: "n" }, count(index)),
    html("span", { class: doing === null ? "of" : "path", title: path }, path),
    html("span", { class: "of" }, size(bytes)),
    html("span", { class: "visually-hidden" }, `idle for ${100 - busy} % of its time`),
    html("span", { class: "busy", title: `idle for ${100 - busy} % of its time` }, bar));
}
