// Throughput over the last minutes.

import { svg } from "./dom.js";
import { rate } from "./words.js";

const WIDTH = 520;
const HEIGHT = 170;
const LEFT = 4;
const RIGHT = 78;
const TOP = 8;
const BOTTOM = 22;

/** The next round number above. */
function ceiling(value) {
  let top = 1000;
  while (top * 10 < value) top *= 10;
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * top).find((round) => round >= value);
}

/**
 * Draws the series, each `{ name, samples }` with one rate a step and `null` where nothing was
 * read, the latest last.
 */
export function chart(series, step) {
  const length = Math.max(60, ...series.map(({ samples }) => samples.length));
  const top = ceiling(Math.max(1000, ...series.flatMap(({ samples }) => samples)));
  const x = (index) => LEFT + ((WIDTH - LEFT - RIGHT) * index) / (length - 1);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const picture = svg("svg", {
    class: "chart",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": description(series, length, step),
  });
  for (const share of [0, 0.5, 1]) {
    const at = y(top * share);
    picture.append(
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }),
      svg("text", { x: WIDTH - RIGHT + 6, y: at + 4 }, rate(top * share)),
    );
  }
  for (const minutes of [1, 2, 3, 4, 5]) {
    const index = length - 1 - (minutes * 60) / step;
    if (index < 0 || (minutes > 1 && index < length * 0.04)) break;
    picture.append(
      svg("line", { class: "grid", x1: x(index), x2: x(index), y1: TOP, y2: HEIGHT - BOTTOM }),
      svg("text", { x: x(index), y: HEIGHT - 6, "text-anchor": "middle" }, `−${minutes} min`),
    );
  }
  const now = { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" };
  picture.append(svg("text", now, "now"));
  for (const { name, samples } of series) picture.append(...drawn(name, samples, length, x, y));
  return picture;
}

/** A line, broken where a sample is missing, and the area below it. */
function drawn(name, samples, length, x, y) {
  const first = length - samples.length;
  const pieces = [];
  let piece = null;
  samples.forEach((value, index) => {
    if (value === null) {
      piece = null;
      return;
    }
    if (!piece) pieces.push((piece = []));
    piece.push([x(first + index), y(value)]);
  });
  return pieces.flatMap((points) => {
    const path = points.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L");
    const [from, to] = [points[0][0], points[points.length - 1][0]];
    return [
      svg("path", { class: `area-${name}`, d: `M${path}L${to} ${y(0)}L${from} ${y(0)}Z` }),
      svg("path", { class: `line ${name}`, d: `M${path}` }),
    ];
  });
}

function description(series, length, step) {
  const parts = series.map(({ name, samples }) => {
    const known = samples.filter((value) => value !== null);
    if (known.length === 0) return `${name}: nothing yet`;
    const latest = known[known.length - 1];
    return `${name}: now ${rate(latest)}, at most ${rate(Math.max(...known))}`;
  });
  return `Throughput of the last ${Math.round((length * step) / 60)} minutes. ${parts.join("; ")}`;
}
