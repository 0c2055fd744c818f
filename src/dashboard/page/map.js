// The map: each process of each node as a cell, coloured by its verdict.
//
// One canvas shows 4 cells as well as 65,536: what has not changed since the last frame is not
// drawn again. A table below says the same for who does not see it.

import {
  CODES, INCOMPLETE, LABEL, MISMATCH, NAMES, UNKNOWN, UNTOUCHED, VERIFIED,
  arrange, cellAt, firstWith, placeOf, unpack,
} from "./cells.js";
import { byId, html, fillTable, replaceIfNew, setText } from "./dom.js";
import { counted, mark, verdict } from "./words.js";

/** Cells of fewer pixels have no sign. */
const SIGN_ROOM = 9;
const TABLE_ROWS = 200;
/** The columns of the table. */
const COLUMNS = [MISMATCH, INCOMPLETE, VERIFIED, UNTOUCHED, UNKNOWN];

/** A colour as a canvas has it in memory, whatever way it is written. */
function pixelOf(colour) {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
}

export class VerdictMap {
  /** `open(node, process)` is called for the cell that somebody chooses. */
  constructor(open) {
    this.open = open;
    this.canvas = byId("map-canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.readout = byId("map-readout");
    this.map = null;
    this.cells = new Uint8Array(0);
    this.across = this.each = 1;
    this.cursor = 0;
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("focus", () => this.redraw());
    this.canvas.addEventListener("blur", () => this.redraw());
    byId("map-table-details").addEventListener("toggle", () => this.listTable());
    new ResizeObserver(() => this.resize()).observe(byId("map-frame"));
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.redraw());
    }
    byId("map-legend").replaceChildren(...["verified", "incomplete", "untouched", "mismatch"].map(
      (word) => html("li", {}, html("span", { class: `swatch fill-${word}` }), mark(word), word)));
  }

  /** Shows a report's map; `null` where there is none. */
  show(map) {
    byId("map").hidden = !map;
    if (!map) {
      this.map = null;
      return;
    }
    const before = this.map;
    const { cells, across, each } = unpack(map);
    const same = before && before.nodes === map.nodes && before.processes === map.processes
      && before.first_node === map.first_node;
    const old = this.cells;
    this.map = map;
    Object.assign(this, { cells, across, each });
    this.cursor = Math.min(this.cursor, cells.length - 1);
    const processes = counted(map.processes, "process", "processes");
    const shape = `${counted(map.nodes, "node")} × ${processes}`;
    const notes = [shape];
    if (each > 1) notes.push(`each cell stands for ${each} processes`);
    if (map.dropped) notes.push("the last ones are not known");
    setText(byId("map-of"), notes.join("; "));
    this.canvas.setAttribute("aria-label", this.summary());
    if (!same || !this.layout) this.resize("anew");
    else this.update(old);
    this.listTable();
    this.tell(this.cursor);
  }

  summary() {
    const counts = [0, 0, 0, 0, 0];
    for (const cell of this.cells) counts[cell] += 1;
    const words = NAMES.map((name, number) => `${counts[number]} ${name}`).reverse();
    return `Map of ${this.cells.length} cells: ${words.join(", ")}`;
  }

  resize(anew) {
    const width = byId("map-frame").clientWidth;
    if (!this.map || width === 0 || (width === this.room && !anew)) return;
    this.room = width;
    this.layout = arrange(this.map.nodes, this.across, width);
    const ratio = Math.max(1, Math.round(devicePixelRatio));
    this.canvas.width = this.layout.width * ratio;
    this.canvas.height = this.layout.height * ratio;
    this.canvas.style.width = `${this.layout.width}px`;
    this.canvas.style.height = `${this.layout.height}px`;
    this.ratio = ratio;
    this.redraw();
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    return {
      cells: NAMES.map((name) => {
        if (name === "unknown") return of("faint");
        return (this.isSmall() && of(`small-${name}`)) || of(name);
      }),
      card: of("card"),
      text: of("text"),
      soft: of("soft"),
      focus: of("focus"),
      onCell: [of("soft"), of("soft"), of("on-class"), "#1b1400", of("on-class")],
    };
  }

  isSmall() {
    return this.layout.pitch - this.layout.space < SIGN_ROOM;
  }

  redraw() {
    if (!this.map || !this.layout) return;
    performance.mark("map-start");
    const { context, layout } = this;
    this.palette = this.colours();
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = this.palette.card;
    context.fillRect(0, 0, layout.width, layout.height);
    if (this.isSmall()) {
      this.drawSmall();
    } else {
      for (const [index, code] of this.cells.entries()) {
        context.fillStyle = this.palette.cells[code];
        this.drawCell(index, code);
      }
    }
    this.drawLabels();
    this.drawCursor();
    performance.measure("map", "map-start");
  }

  /** All cells as pixels: so many rectangles would take a tenth of a second. */
  drawSmall() {
    const { context, layout, ratio } = this;
    const image = context.createImageData(this.canvas.width, this.canvas.height);
    const pixels = new Uint32Array(image.data.buffer).fill(pixelOf(this.palette.card));
    const colours = this.palette.cells.map(pixelOf);
    const side = (layout.pitch - layout.space) * ratio;
    for (let index = 0; index < this.cells.length; index += 1) {
      const [x, y] = placeOf(layout, index);
      const colour = colours[this.cells[index]];
      for (let row = 0; row < side; row += 1) {
        const from = (y * ratio + row) * image.width + x * ratio;
        pixels.fill(colour, from, from + side);
      }
    }
    context.putImageData(image, 0, 0);
    for (let index = 0; side >= 4 * ratio && index < this.cells.length; index += 1) {
      if (this.cells[index] === MISMATCH) this.drawHole(index);
    }
  }

  /** A mismatch has a hole in it, where there is room for one. */
  drawHole(index) {
    const { context, layout } = this;
    const side = layout.pitch - layout.space;
    const [x, y] = placeOf(layout, index);
    const inner = Math.max(1, Math.floor(side / 3));
    const offset = Math.floor((side - inner) / 2);
    context.fillStyle = this.palette.card;
    context.fillRect(x + offset, y + offset, inner, inner);
  }

  /** Draws the cells that are not what they were. */
  update(old) {
    performance.mark("map-start");
    this.eraseCursor();
    for (let index = 0; index < this.cells.length; index += 1) {
      if (this.cells[index] !== old[index]) this.repaint(index);
    }
    this.drawCursor();
    performance.measure("map", "map-start");
  }

  repaint(index) {
    const [x, y] = placeOf(this.layout, index);
    this.context.fillStyle = this.palette.card;
    this.context.fillRect(x, y, this.layout.pitch, this.layout.pitch);
    this.context.fillStyle = this.palette.cells[this.cells[index]];
    this.drawCell(index, this.cells[index]);
  }

  drawCell(index, code) {
    const { context, layout } = this;
    const [x, y] = placeOf(layout, index);
    const side = layout.pitch - layout.space;
    if (side >= SIGN_ROOM) {
      context.beginPath();
      context.roundRect(x, y, side, side, Math.min(4, side / 5));
      context.fill();
      this.drawMark(x, y, side, code);
      return;
    }
    context.fillRect(x, y, side, side);
    if (side >= 4 && code === MISMATCH) this.drawHole(index);
  }

  /** The verdict's sign in a cell that has room for it. */
  drawMark(x, y, side, code) {
    const { context } = this;
    const [cx, cy, r] = [x + side / 2, y + side / 2, side * 0.22];
    context.strokeStyle = this.palette.onCell[code];
    context.lineWidth = Math.max(1.4, side / 13);
    context.lineCap = "round";
    context.beginPath();
    if (code === VERIFIED) {
      context.moveTo(cx - r, cy + r * 0.1);
      context.lineTo(cx - r * 0.25, cy + r * 0.8);
      context.lineTo(cx + r, cy - r * 0.7);
    } else if (code === MISMATCH) {
      context.moveTo(cx - r, cy - r);
      context.lineTo(cx + r, cy + r);
      context.moveTo(cx + r, cy - r);
      context.lineTo(cx - r, cy + r);
    } else if (code === INCOMPLETE) {
      const fill = context.fillStyle;
      context.fillStyle = this.palette.onCell[code];
      context.arc(cx, cy, r, -Math.PI / 2, Math.PI / 2);
      context.fill();
      context.fillStyle = fill;
      context.beginPath();
      context.arc(cx, cy, r, 0, 2 * Math.PI);
    } else if (code === UNTOUCHED) {
      context.arc(cx, cy, r * 0.28, 0, 2 * Math.PI);
    }
    context.stroke();
  }

  drawLabels() {
    const { context, layout, map } = this;
    if (!layout.labelled) return;
    const stripe = layout.down * layout.pitch + layout.stripes;
    context.fillStyle = this.palette.soft;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (let row = 0; row < layout.rows; row += 1) {
      const middle = row * stripe + (layout.pitch - layout.space) / 2;
      context.fillText(`node ${map.first_node + row}`, 0, middle, LABEL - 8);
    }
  }

  drawCursor() {
    if (document.activeElement !== this.canvas || this.cells.length === 0) return;
    const [x, y] = placeOf(this.layout, this.cursor);
    const side = Math.max(3, this.layout.pitch - this.layout.space);
    this.context.strokeStyle = this.palette.text;
    this.context.lineWidth = 2;
    this.context.strokeRect(x + 1, y + 1, side - 2, side - 2);
    if (side < SIGN_ROOM) {
      this.context.strokeStyle = this.palette.focus;
      this.context.strokeRect(x - 3, y - 3, side + 6, side + 6);
    }
    this.marked = this.cursor;
  }

  /** What the cursor covers is drawn again: its cell and those around it. */
  eraseCursor() {
    if (this.marked === undefined) return;
    const { layout, marked } = this;
    const [x, y] = placeOf(layout, marked);
    this.marked = undefined;
    this.context.fillStyle = this.palette.card;
    this.context.fillRect(x - 5, y - 5, layout.pitch + 10, layout.pitch + 10);
    const near = new Set();
    for (let dy = -6; dy <= layout.pitch + 6; dy += 2) {
      for (let dx = -6; dx <= layout.pitch + 6; dx += 2) near.add(cellAt(layout, x + dx, y + dy));
    }
    near.delete(-1);
    for (const index of near) this.repaint(index);
    if (x - 5 < layout.labelled) this.redrawLabels();
  }

  redrawLabels() {
    this.context.fillStyle = this.palette.card;
    this.context.fillRect(0, 0, this.layout.labelled, this.layout.height);
    this.drawLabels();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return cellAt(this.layout, event.clientX - box.left, event.clientY - box.top);
  }

  hover(event) {
    const index = this.place(event);
    if (index >= 0) this.tell(index);
  }

  click(event) {
    const index = this.place(event);
    if (index < 0) return;
    this.moveTo(index);
    this.choose();
  }

  choose() {
    const { node, process, count } = this.processes(this.cursor);
    const from = node * this.map.processes + process;
    const found = firstWith(this.map, CODES[this.cells[this.cursor]], from, count);
    this.open(this.map.first_node + node, found % this.map.processes);
  }

  /** The processes that a cell stands for: the node within this map, the first, and how many. */
  processes(index) {
    const node = Math.floor(index / this.across);
    const process = (index % this.across) * this.each;
    return { node, process, count: Math.min(this.each, this.map.processes - process) };
  }

  moveTo(index) {
    this.eraseCursor();
    this.cursor = Math.max(0, Math.min(this.cells.length - 1, index));
    this.drawCursor();
    this.tell(this.cursor);
  }

  tell(index) {
    const { node, process, count } = this.processes(index);
    const word = NAMES[this.cells[index]];
    const which =
      count > 1 ? `processes ${process} to ${process + count - 1}` : `process ${process}`;
    const words = ` node ${this.map.first_node + node}, ${which}`;
    replaceIfNew(this.readout, word + words, () => [verdict(word), words]);
  }

  /** The cell in a direction: by place, so that the arrows do what one sees. */
  step(dx, dy) {
    const { layout } = this;
    let [x, y] = placeOf(layout, this.cursor);
    const half = layout.pitch / 2;
    for (let tries = 0; tries < 4; tries += 1) {
      x += dx * layout.pitch;
      y += dy * layout.pitch;
      const index = cellAt(layout, x + half, y + half);
      if (index >= 0) return index;
    }
    return this.cursor;
  }

  nextMismatch(direction) {
    for (let n = 1; n <= this.cells.length; n += 1) {
      const index = (this.cursor + direction * n + n * this.cells.length) % this.cells.length;
      if (this.cells[index] === MISMATCH) return index;
    }
    return this.cursor;
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.map) return;
    const actions = {
      ArrowLeft: () => this.moveTo(this.step(-1, 0)),
      ArrowRight: () => this.moveTo(this.step(1, 0)),
      ArrowUp: () => this.moveTo(this.step(0, -1)),
      ArrowDown: () => this.moveTo(this.step(0, 1)),
      Home: () => this.moveTo(0),
      End: () => this.moveTo(this.cells.length - 1),
      n: () => this.moveTo(this.nextMismatch(1)),
      p: () => this.moveTo(this.nextMismatch(-1)),
      Enter: () => this.choose(),
      " ": () => this.choose(),
    };
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  }

  /** The table that says the same: a line for each node, the worst first. */
  listTable() {
    if (!this.map || !byId("map-table-details").open) return;
    const { nodes, first_node: first } = this.map;
    const rows = [];
    for (let node = 0; node < nodes; node += 1) {
      const counts = [0, 0, 0, 0, 0];
      const cells = this.cells.subarray(node * this.across, (node + 1) * this.across);
      for (const cell of cells) counts[cell] += 1;
      const worst = Math.max(...COLUMNS.filter((code) => counts[code] > 0));
      rows.push({ node, counts, worst: cells.indexOf(worst) });
    }
    const [bad, half] = [MISMATCH, INCOMPLETE];
    rows.sort((a, b) => b.counts[bad] - a.counts[bad] || b.counts[half] - a.counts[half]
      || a.node - b.node);
    const open = ({ node, worst }) => {
      const index = node * this.across + Math.max(0, worst);
      const choose = () => {
        this.moveTo(index);
        this.choose();
      };
      return html("button", { class: "link", onclick: choose },
        `process ${this.processes(index).process}`);
    };
    const table = html("table");
    fillTable(table, "Processes by verdict",
      [{ value: "node" }, ...COLUMNS.map((code) => ({ value: NAMES[code], number: true })),
        { value: "open the worst" }],
      rows.slice(0, TABLE_ROWS).map((row) => ({
        class: row.counts[MISMATCH] > 0 && "bad",
        cells: [
          { value: `node ${first + row.node}`, head: true },
          ...COLUMNS.map((code) => ({ value: row.counts[code], number: true })),
          { value: open(row) },
        ],
      })));
    const more = rows.length - TABLE_ROWS;
    const note = more > 0 ? [html("p", { class: "of" }, `and ${counted(more, "more node")}`)] : [];
    byId("map-table").replaceChildren(table, ...note);
  }
}
