// The files of one process, page by page: those with something wrong first.

import { byId, fillTable, html, replaceIfNew } from "./dom.js";
import { bytes, count, counted, plain, size, verdict } from "./words.js";
import { stackOf } from "./stack.js";

const STATES = ["matched", "untouched", "missing", "wrong", "extra"];

export class ProcessView {
  /** `link(path)` is where a file opens; `turn(from)` asks for another page. */
  constructor(link, turn, close) {
    this.section = byId("process");
    Object.assign(this, { link, turn, close });
  }

  /** Shows a page of files, or with `null` nothing. */
  show(page, openPath) {
    if (!page) {
      this.section.hidden = true;
      this.section.replaceChildren();
      delete this.section.dataset.shows;
      return;
    }
    const isOther = this.section.hidden || this.which !== `${page.node}/${page.process}`;
    this.which = `${page.node}/${page.process}`;
    this.section.hidden = false;
    replaceIfNew(this.section, JSON.stringify([page, openPath]), () => this.build(page, openPath));
    if (isOther && !openPath) this.section.focus({ preventScroll: true });
  }

  fail(node, process, message) {
    this.section.hidden = false;
    replaceIfNew(this.section, message, () => [
      this.head(node, process), html("p", {}, plain(message)),
    ]);
  }

  head(node, process, ...more) {
    return html("div", { class: "section-head" },
      html("h2", { id: "process-title" }, `Node ${node}, process ${process}`), ...more,
      html("button", { class: "close", onclick: this.close }, "Close"));
  }

  build(page, openPath) {
    const table = html("table", { id: "files" });
    fillTable(table, `Files of node ${page.node}, process ${page.process}`,
      [{ value: "file" }, { value: "verdict" }, { value: "bytes by state" },
        { value: "expected", number: true }, { value: "wrong", number: true }],
      page.files.map((file) => this.row(file, openPath)));
    const summary = [
      page.verdict ? verdict(page.verdict) : null,
      html("p", { class: "of" }, words(page)),
    ].filter((part) => part !== null);
    return [
      this.head(page.node, page.process, ...summary),
      page.files.length > 0
        ? html("div", { class: "scroll" }, table)
        : html("p", { class: "of" }, page.note ?? "No file of it has changed."),
      this.pages(page),
    ];
  }

  row(file, openPath) {
    const reported = file.reported;
    const wrong = file.bytes ? file.bytes.wrong + file.bytes.extra : reported?.wrong_bytes ?? 0;
    const classes = Object.entries(reported?.classes ?? {})
      .map(([name, number]) => `${count(number)} ${name}`).join(", ");
    return {
      class: [file.verdict === "mismatch" ? "bad" : "", file.path === openPath ? "selected" : ""]
        .join(" ").trim(),
      cells: [
        {
          head: true,
          value: html("a", {
            class: "path", href: this.link(file.path), "aria-current": file.path === openPath,
          }, plain(file.path)),
        },
        { value: verdict(file.verdict) },
        { value: file.bytes ? stackOf(STATES, file.bytes, "small-stack") : classes },
        { value: file.bytes ? bytes(file.bytes.expected) : "", number: true },
        { value: wrong > 0 ? bytes(wrong) : "–", number: true },
      ],
    };
  }

  pages({ from, files, total, page, note }) {
    const last = from + files.length;
    const parts = [];
    if (total > files.length) {
      parts.push(
        html("button", { disabled: from === 0, onclick: () => this.turn(Math.max(0, from - page)) },
          "Previous"),
        html("span", { class: "of" }, `${count(from + 1)}–${count(last)} of ${count(total)}`),
        html("button", { disabled: last >= total, onclick: () => this.turn(last) }, "Next"));
    }
    if (note && files.length > 0) parts.push(html("span", { class: "of" }, note));
    return html("div", { class: "pages" }, ...parts);
  }
}

function words({ files_by_verdict: tally, bytes: of }) {
  if (!tally) return "as far as its report says";
  const parts = ["mismatch", "incomplete", "verified", "untouched"]
    .filter((word) => tally[word] > 0)
    .map((word) => `${count(tally[word])} ${word}`);
  return `${counted(tally.total, "file")} of ${size(of.expected)}: ${parts.join(", ")}`;
}
