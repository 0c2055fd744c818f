// The cells of a map: what they are, and where they stand. No drawing.
//
// A node is a block of cells; blocks stand in rows. With few processes a block is one row; where a
// node has more than fit, it takes several. More cells than anybody can see are put together.

const CELL_MAX = 36;
/** How high a map may be, and one of very many cells. */
const HEIGHT_MAX = 480;
const HEIGHT_MAX_MANY = 800;
const MANY = 4096;
/** The room for the name of a node. */
export const LABEL = 76;
/** More cells than a screen has room for stand together, each for several processes. */
const CELLS_MAX = 1 << 18;
export const NAMES = ["unknown", "untouched", "verified", "incomplete", "mismatch"];
export const CODES = ["?", "u", "v", "i", "m"];
export const [UNKNOWN, UNTOUCHED, VERIFIED, INCOMPLETE, MISMATCH] = [0, 1, 2, 3, 4];

/** What two cells are that stand for one: the worse, and half of the work is incomplete. */
function together(a, b) {
  const half = (a === UNTOUCHED && b === VERIFIED) || (a === VERIFIED && b === UNTOUCHED);
  return half ? INCOMPLETE : Math.max(a, b);
}

/**
 * The cells of a report's map, one byte each: `{ cells, across, each }`, where each stands for
 * `each` processes of one node, and a node has `across` of them.
 */
export function unpack(map, cellsMax = CELLS_MAX) {
  const each = Math.ceil(map.processes / Math.max(1, Math.floor(cellsMax / map.nodes)));
  const across = Math.ceil(map.processes / each);
  const cells = new Uint8Array(map.nodes * across);
  if (each > 1) cells.fill(255);
  let at = 0;
  for (const [letter, length] of map.cells) {
    const code = Math.max(0, CODES.indexOf(letter));
    if (each === 1) cells.fill(code, at, at + length);
    else addRun(cells, { map, each, across }, code, at, at + length);
    at += length;
  }
  for (let index = 0; each > 1 && index < cells.length; index += 1) {
    if (cells[index] === 255) cells[index] = UNKNOWN;
  }
  return { cells, across, each };
}

/** Adds a run of processes to the cells that it lies in. */
function addRun(cells, { map, each, across }, code, from, to) {
  let at = from;
  while (at < to) {
    const node = Math.floor(at / map.processes);
    const end = Math.min(to, (node + 1) * map.processes);
    const first = node * across + Math.floor((at % map.processes) / each);
    const last = node * across + Math.floor(((end - 1) % map.processes) / each);
    for (let index = first; index <= last; index += 1) {
      cells[index] = cells[index] === 255 ? code : together(cells[index], code);
    }
    at = end;
  }
}

/** The first process of `count` from `from` on that is in this state; `from` where none is. */
export function firstWith(map, letter, from, count) {
  let at = 0;
  for (const [code, length] of map.cells) {
    if (code === letter && at < from + count && at + length > from) return Math.max(at, from);
    at += length;
  }
  return from;
}

/**
 * Where cells stand: the largest cells for which all of them fit, as `columns` blocks side by side
 * that are `across` cells wide and `down` high.
 */
export function arrange(nodes, processes, width) {
  const heightMax = nodes * processes > MANY ? HEIGHT_MAX_MANY : HEIGHT_MAX;
  const best = { pitch: 0 };
  const widest = Math.min(processes, Math.max(1, Math.floor(width / 3)));
  const shapes = new Set([widest]);
  // Blocks of several rows: halves, quarters and so on, so that powers of two stand in squares.
  for (let across = processes; across >= 4; across = Math.ceil(across / 2)) {
    if (across <= widest) shapes.add(across);
  }
  for (const across of shapes) {
    const down = Math.ceil(processes / across);
    for (let columns = 1; columns <= nodes; columns = nextColumns(columns, nodes)) {
      const labelled = columns === 1 ? LABEL : 0;
      const gap = blockGap(nodes, columns);
      const rows = Math.ceil(nodes / columns);
      const room = width - labelled - gap * (columns - 1);
      const high = heightMax - (down > 1 || columns > 1 ? gap * (rows - 1) : 0);
      const pitch = Math.min(CELL_MAX, room / (columns * across), high / (rows * down));
      // One row for each node reads best, so others must be clearly larger.
      const merit = pitch * (columns === 1 && down === 1 ? 1.35 : 1);
      if (merit > (best.merit ?? 0) && room > 0) {
        Object.assign(best, { pitch, merit, across, down, columns, rows, gap, labelled });
      }
    }
  }
  return finished(best, nodes, processes, width);
}

const nextColumns = (columns, nodes) =>
  columns === nodes ? nodes + 1 : Math.min(nodes, Math.ceil(columns * 1.25));

const blockGap = (nodes, columns) => (columns === 1 ? 0 : nodes > 512 ? 1 : nodes > 64 ? 2 : 6);

/** Whole pixels, so that all cells are alike; at least 2, and the map grows where that must be. */
function finished(best, nodes, processes, width) {
  const pitch = Math.max(2, Math.floor(best.pitch || 2));
  if (!best.across) {
    const across = Math.min(processes, Math.max(1, Math.floor(width / pitch)));
    Object.assign(best, { across, down: Math.ceil(processes / across), columns: 1, gap: 1 });
    Object.assign(best, { rows: nodes, labelled: 0 });
  }
  const stripes = best.columns === 1 && best.down === 1 ? 0 : best.gap;
  const labelled = pitch >= 11 || (best.labelled && best.down * pitch >= 11) ? best.labelled : 0;
  return {
    ...best,
    pitch,
    labelled,
    stripes,
    space: pitch >= 12 ? 3 : pitch >= 6 ? 2 : pitch >= 4 ? 1 : 0,
    width: labelled + best.columns * best.across * pitch + best.gap * (best.columns - 1),
    height: best.rows * best.down * pitch + stripes * (best.rows - 1),
    nodes,
    processes,
  };
}

/** The left upper corner of a cell. */
export function placeOf(layout, index) {
  const node = Math.floor(index / layout.processes);
  const process = index % layout.processes;
  const [column, row] = [node % layout.columns, Math.floor(node / layout.columns)];
  return [
    layout.labelled + column * (layout.across * layout.pitch + layout.gap)
      + (process % layout.across) * layout.pitch,
    row * (layout.down * layout.pitch + layout.stripes)
      + Math.floor(process / layout.across) * layout.pitch,
  ];
}

/** The cell at a place; -1 where there is none. */
export function cellAt(layout, x, y) {
  const block = layout.across * layout.pitch + layout.gap;
  const stripe = layout.down * layout.pitch + layout.stripes;
  const column = Math.floor((x - layout.labelled) / block);
  const row = Math.floor(y / stripe);
  const inX = Math.floor((x - layout.labelled - column * block) / layout.pitch);
  const inY = Math.floor((y - row * stripe) / layout.pitch);
  const outside = column < 0 || column >= layout.columns || inX < 0 || inX >= layout.across;
  if (outside || inY < 0 || inY >= layout.down) return -1;
  const [node, process] = [row * layout.columns + column, inY * layout.across + inX];
  if (node >= layout.nodes || process >= layout.processes) return -1;
  return node * layout.processes + process;
}
