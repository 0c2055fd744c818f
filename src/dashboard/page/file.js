// One file: its byte map, and its wrong ranges as a table.

import { bytemap } from "./bytemap.js";
import { byId, fillTable, html, replaceIfNew } from "./dom.js";
import { extentOf } from "./scale.js";
import {
  CLASSES, bytes, classBadge, classOf, count, counted, plain, size, sourceWords, verdict,
} from "./words.js";

const ROWS = 100;
/** Where a range is narrower than this, in pixels, choosing it moves the view to it. */
const NARROW = 12;

export class FileView {
  /** `link(path)` is where another file opens; `close()` is called when this one is to go. */
  constructor(link, close) {
    this.section = byId("file");
    this.link = link;
    this.close = close;
    this.file = null;
    this.resized = new ResizeObserver(() => this.draw());
  }

  /** Shows a document, or with `null` nothing. */
  show(file) {
    if (!file) {
      this.section.hidden = true;
      this.section.replaceChildren();
      this.file = null;
      this.text = null;
      this.resized.disconnect();
      return;
    }
    const text = JSON.stringify(file);
    if (text === this.text) return;
    const isOther = this.file?.path !== file.path;
    this.text = text;
    this.file = file;
    if (isOther) {
      this.view = [0, extentOf(file)];
      this.selected = file.ranges.length > 0 ? 0 : -1;
      this.rows = ROWS;
    }
    this.view = [this.view[0], Math.min(this.view[1], extentOf(file))];
    if (this.view[0] >= this.view[1]) this.view = [0, extentOf(file)];
    this.selected = Math.min(this.selected, file.ranges.length - 1);
    this.build();
    if (isOther) this.section.focus({ preventScroll: true });
  }

  /** Says why there is no document. */
  fail(path, message) {
    this.show(null);
    this.section.hidden = false;
    this.section.replaceChildren(
      html("div", { class: "section-head" },
        html("h2", { id: "file-title", class: "path" }, plain(path)), this.closeButton()),
      html("p", {}, plain(message)));
  }

  closeButton() {
    return html("button", { class: "close", onclick: this.close }, "Close");
  }

  build() {
    const { file } = this;
    const facts = ["generation", "node", "process", "file"]
      .filter((name) => file[name] !== undefined).map((name) => `${name} ${file[name]}`);
    if (file.partial) facts.push("a report names its wrong ranges, and nothing else of it");
    this.section.hidden = false;
    this.picture = html("div", { id: "bytemap" });
    this.chosen = html("div", { class: "chosen", role: "status" });
    this.chosen.hidden = file.ranges.length === 0;
    this.tools = html("div", { class: "tools" });
    this.table = html("table", { id: "ranges" });
    this.more = html("p", { class: "pages" });
    this.section.replaceChildren(
      html("div", { class: "section-head" },
        html("h2", { id: "file-title", class: "path" }, plain(file.path)),
        verdict(file.verdict),
        html("p", { class: "of" }, file.exists === false ? "removed; " : null, facts.join(", ")),
        this.closeButton()),
      this.tally(), this.tools, this.picture, this.chosen,
      html("div", { class: "scroll" }, this.table), this.more);
    this.resized.disconnect();
    this.resized.observe(this.section);
    this.draw();
    this.list();
    this.tell();
  }

  tally() {
    const { bytes: of, partial } = this.file;
    const states = ["matched", "untouched", "missing", "wrong", "extra"]
      .filter((state) => of[state] > 0);
    const items = states.map((state) => html("div", { "data-state": state },
      html("span", { class: `swatch fill-${state}`, "aria-hidden": "true" }),
      html("dt", {}, state), html("dd", {}, bytes(of[state]))));
    return html("dl", { class: "tally" },
      partial
        ? null
        : html("div", {}, html("dt", {}, "expected"), html("dd", {}, bytes(of.expected))),
      ...items);
  }

  draw() {
    const width = Math.floor(this.section.clientWidth - this.padding());
    if (!this.file || width <= 0) return;
    performance.mark("bytemap-start");
    const focused = [...this.picture.querySelectorAll(".range")].indexOf(document.activeElement);
    this.picture.replaceChildren(bytemap(this.file, this.view, width, this.selected, {
      select: (index) => this.select(index),
      link: this.link,
    }));
    if (focused >= 0) {
      this.picture.querySelectorAll(".range")[focused]?.focus({ preventScroll: true });
    }
    this.listTools();
    performance.measure("bytemap", "bytemap-start");
  }

  padding() {
    const style = getComputedStyle(this.section);
    return parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  }

  listTools() {
    const whole = extentOf(this.file);
    const [from, to] = this.view;
    const length = to - from;
    const isWhole = length >= whole;
    const zoom = (factor) => this.look(from + (length * (1 - factor)) / 2, length * factor);
    const button = (name, words, disabled, action) =>
      html("button", { "aria-label": words, disabled, onclick: action }, name);
    const place = isWhole
      ? `whole file, ${size(whole)}`
      : `${counted(Math.round(length), "byte")} from ${count(Math.round(from))} on`;
    // The buttons are made once, so that the focus stays on the one that is pressed.
    replaceIfNew(this.tools, `${from}/${to}/${whole}`, () => [
      button("−", "Zoom out", isWhole, () => zoom(2)),
      button("+", "Zoom in", length <= 64, () => zoom(0.5)),
      button("←", "Towards the beginning", from <= 0, () => this.look(from - length / 2, length)),
      button("→", "Towards the end", to >= whole, () => this.look(from + length / 2, length)),
      button("Whole file", "Show the whole file", isWhole, () => this.look(0, whole)),
      html("span", { class: "of" }, place),
    ]);
  }

  /** Moves the view, in a quarter of a second unless the reader wants no motion. */
  look(from, length) {
    const whole = extentOf(this.file);
    const width = Math.min(whole, Math.max(16, length));
    const start = Math.max(0, Math.min(whole - width, from));
    const target = [start, start + width];
    const before = this.view;
    const label = document.activeElement?.getAttribute("aria-label");
    const arrive = () => {
      this.view = target;
      this.draw();
      const buttons = [...this.tools.querySelectorAll("button")];
      buttons.find((found) => found.getAttribute("aria-label") === label)?.focus();
    };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      arrive();
      return;
    }
    const begin = performance.now();
    const move = (now) => {
      const time = Math.min(1, (now - begin) / 250);
      if (time === 1) {
        arrive();
        return;
      }
      const eased = 1 - (1 - time) ** 3;
      this.view = before.map((value, index) => value + (target[index] - value) * eased);
      this.draw();
      requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  }

  select(index) {
    this.selected = index;
    const range = this.file.ranges[index];
    const perPixel = (this.view[1] - this.view[0]) / Math.max(1, this.picture.clientWidth);
    const outside = range.offset + range.length <= this.view[0] || range.offset >= this.view[1];
    const narrow = range.length / perPixel < NARROW;
    if (outside || narrow) {
      const length = range.length * 4;
      this.look(range.offset + range.length / 2 - length / 2, length);
    } else {
      this.draw();
    }
    if (index >= this.rows) this.rows = index + 1;
    this.list();
    this.tell();
  }

  /** What the chosen range is, with the bytes that belong there and those that stand there. */
  tell() {
    const range = this.file.ranges[this.selected];
    if (!range) return;
    const name = classOf(range);
    const where = range.expected === null ? ", past the expected end" : "";
    const parts = range.parts ? ` In ${range.parts.join(" and ")}.` : "";
    this.chosen.replaceChildren(
      html("p", {}, classBadge(range), html("strong", {}, name), ": ",
        `${counted(range.length, "byte")} at offset ${count(range.offset)}${where}. `,
        `${CLASSES[name].means}.${parts} `.replace(/^./, (first) => first.toUpperCase()),
        ...this.origin(range)),
      html("div", { class: "bytes" },
        html("span", { class: "of" }, "expected"), hex(range.expected, range.actual),
        html("span", { class: "of" }, "found"), hex(range.actual, range.expected)));
  }

  origin(range) {
    const { source } = range;
    if (!source) return [];
    const path = source.shared_block === undefined ? source.path : null;
    if (!path) return [`It is from ${sourceWords(range)}.`];
    const rest = sourceWords(range).slice(plain(path).length);
    const name = path === this.file.path
      ? "this file"
      : html("a", { class: "path", href: this.link(path) }, plain(path));
    return ["It is from ", name, `${rest}.`];
  }

  list() {
    const { ranges, ranges_total: total } = this.file;
    const row = (range, index) => ({
      class: index === this.selected && "selected",
      cells: [
        {
          head: true,
          value: html("button", { class: "link", onclick: () => this.select(index) },
            count(range.offset)),
        },
        { value: bytes(range.length), number: true },
        { value: html("span", { class: "verdict" }, classBadge(range), classOf(range)) },
        { value: this.sourceCell(range) },
      ],
    });
    this.table.hidden = ranges.length === 0;
    fillTable(this.table, `Wrong ranges of ${plain(this.file.path)}`,
      [{ value: "offset" }, { value: "length", number: true }, { value: "class" },
        { value: "where it came from" }],
      ranges.slice(0, this.rows).map(row));
    const left = ranges.length - this.rows;
    const show = left > 0 && html("button", {
      onclick: () => {
        this.rows = ranges.length;
        this.list();
      },
    }, `Show ${counted(left, "more range")}`);
    const dropped = total > ranges.length
      ? `${counted(total - ranges.length, "range")} beyond these are counted only.`
      : null;
    this.more.replaceChildren(...[show || null, dropped].filter((part) => part !== null));
  }

  sourceCell(range) {
    const { source } = range;
    const path = source?.shared_block === undefined ? source?.path : null;
    if (!path) return sourceWords(range);
    const rest = sourceWords(range).slice(plain(path).length);
    if (path === this.file.path) return `this file${rest}`;
    return html("span", {}, html("a", { class: "path", href: this.link(path) }, plain(path)), rest);
  }
}

/** The first bytes of a range in hexadecimal; those that differ from the others stand out. */
function hex(digits, others) {
  if (!digits) return html("span", { class: "hex" }, "nothing: no byte belongs here");
  const pairs = digits.match(/../g) ?? [];
  const parts = pairs.flatMap((pair, index) => {
    const differs = others ? pair !== others.slice(2 * index, 2 * index + 2) : true;
    return [differs ? html("b", {}, pair) : pair, " "];
  });
  return html("span", { class: "hex" }, ...parts);
}
