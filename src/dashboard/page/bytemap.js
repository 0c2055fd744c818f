// The byte map: one file drawn to scale. Its bytes by state, each wrong range with the letter and
// the pattern of its class, and from each an arrow to where its bytes came from: back into this
// file, or into another one, whose name is a link.

import { svg } from "./dom.js";
import { Scale, extentOf, groups, otherSources, pieces } from "./scale.js";
import { CLASSES, count, counted, plain, size, sourceWords } from "./words.js";

const AXIS = 20;
const PINS = 34;
const ARCS = 92;
const BAR = 60;
const RIBBONS = 104;
const SOURCE = 22;
const STRIP = 18;
const LETTER_ROOM = 15;
const EDGE = 8;

/** The picture of a file in this view, `[from, to]` in bytes, on so many pixels. */
export function bytemap(file, view, width, selected, events) {
  const whole = extentOf(file);
  const scale = new Scale(view[0], view[1], EDGE, width - EDGE);
  const shown = groups(file.ranges, scale);
  const arcs = shown.some(({ key, offset, length }) =>
    key === file.path && scale.span(offset, length));
  const { drawn, left } = otherSources(file, file.ranges, width < 560 ? 2 : undefined);
  const zoomed = view[0] > 0 || view[1] < whole;
  const top = (zoomed ? STRIP : 0) + AXIS;
  const bar = top + (arcs ? ARCS : PINS);
  const sourceTop = bar + BAR + RIBBONS;
  const below = drawn.length > 0 ? sourceTop + SOURCE + 24 : bar + BAR + 4;
  const height = below + (left > 0 ? 18 : 0);
  const picture = svg("svg", {
    class: "bytemap",
    viewBox: `0 0 ${width} ${height}`,
    role: "group",
    "aria-label": description(file),
  }, definitions());
  const place = { file, scale, bar, sourceTop, selected, events, width };
  if (zoomed) picture.append(strip(file, new Scale(0, whole, EDGE, width - EDGE), view));
  picture.append(axis(place, top), states(place));
  const bars = sourceBars(place, drawn, left);
  picture.append(...bars.elements);
  for (const group of shown) {
    const element = wrongRange(place, group, bars.scales.get(group.key));
    if (element) picture.append(element);
  }
  picture.append(pins(place, shown), expectedEnd(place));
  return picture;
}

function description(file) {
  const { expected, untouched, matched, missing, wrong, extra } = file.bytes;
  return `Byte map of ${plain(file.path)}: of ${size(expected)} expected, `
    + `${size(matched)} matched, ${size(untouched)} untouched, ${size(missing)} missing, `
    + `${size(wrong)} wrong; `
    + `${size(extra)} extra; ${counted(file.ranges_total, "wrong range")}. `
    + "The table below has the same.";
}

/** A pattern for each class, and one for what is missing: none needs its colour. */
function definitions() {
  const line = (d) => svg("path", { class: "pattern-stroke", d, "stroke-width": 1.6 });
  const lines = {
    misplaced: [line("M-2 2 2 -2M0 8 8 0M6 10 10 6")],
    stale: [line("M0 2H8M0 6H8")],
    zeroed: [svg("circle", { class: "pattern-stroke", cx: 4, cy: 4, r: 1.8 })],
    flipped: [line("M2 0V8M6 0V8")],
    foreign: [line("M0 0 8 8M8 0 0 8")],
  };
  const pattern = (id, ...marks) => svg("pattern",
    { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" }, ...marks);
  const ground = (name) => svg("rect", { class: name, width: 8, height: 8 });
  return svg("defs", {},
    ...Object.keys(CLASSES).map((name) =>
      pattern(`of-${name}`, ground(`class-${name}`), ...lines[name])),
    pattern("of-missing", ground("ground"),
      svg("circle", { class: "pattern-dot", cx: 2, cy: 2, r: 0.9 }),
      svg("circle", { class: "pattern-dot", cx: 6, cy: 6, r: 0.9 })));
}

function axis({ scale, bar, width }, top) {
  const group = svg("g", { class: "axis", "aria-hidden": "true" });
  for (const at of scale.ticks(width < 560 ? 90 : 120)) {
    const x = scale.x(at);
    const anchor = x < 40 ? "start" : x > width - 50 ? "end" : "middle";
    group.append(
      svg("line", { x1: x, x2: x, y1: top - 5, y2: bar, opacity: 0.25 }),
      svg("text", { x, y: top - 8, "text-anchor": anchor }, offsetWords(at, scale)),
    );
  }
  return group;
}

/** An offset as short as the view allows: exact where the bytes are large. */
function offsetWords(at, scale) {
  const exact = scale.perPixel < 1024 && at % 1024 !== 0;
  return exact || at === 0 ? count(at) : size(at).replace(/\.0+ /, " ");
}

/** The whole file in a line, and where the view lies in it. */
function strip(file, scale, view) {
  const group = svg("g", { "aria-hidden": "true" });
  group.append(...stateRects(file, scale, 0, 8));
  for (const { class: name, offset, length } of groups(file.ranges, scale)) {
    const [a, b] = scale.span(offset, length, 2);
    group.append(svg("rect", { class: `class-${name}`, x: a, y: 0, width: b - a, height: 8 }));
  }
  const [a, b] = scale.span(view[0], view[1] - view[0], 4);
  group.append(svg("rect", {
    x: a, y: -1, width: b - a, height: 11, fill: "none", stroke: "var(--text)", "stroke-width": 2,
  }));
  return group;
}

function stateRects(file, scale, y, height) {
  return pieces(file).flatMap(({ state, from, to }) => {
    const span = to > from && scale.span(from, to - from, 1);
    if (!span) return [];
    const box = { x: span[0], y, width: span[1] - span[0], height };
    if (state === "missing") return [svg("rect", { ...box, fill: "url(#of-missing)" })];
    const known = ["matched", "untouched"].includes(state) ? state : "unknown";
    return [svg("rect", { ...box, class: `state-${known}` })];
  });
}

function states({ file, scale, bar }) {
  const frame = { x: scale.left, y: bar, width: scale.right - scale.left, height: BAR, rx: 3 };
  return svg("g", { "aria-hidden": "true" },
    svg("rect", { ...frame, class: "ground" }),
    ...stateRects(file, scale, bar, BAR),
    svg("rect", { ...frame, class: "frame" }));
}

/** The line behind which no byte is expected, where the file goes on. */
function expectedEnd({ file, scale, bar }) {
  const at = file.bytes.expected;
  const group = svg("g", { "aria-hidden": "true" });
  if (file.size_bytes > at && at >= scale.from && at <= scale.to) {
    const x = scale.x(at);
    group.append(
      svg("line", { x1: x, x2: x, y1: bar - 6, y2: bar + BAR + 6, stroke: "var(--text)" }),
      svg("text", { class: "quiet", x: x - 4, y: bar + BAR + 14, "text-anchor": "end" },
        "expected end"));
  }
  return group;
}

/** The other files from which ranges come, side by side below, each with a scale of its own. */
function sourceBars({ file, sourceTop, events, width }, sources, left) {
  const scales = new Map();
  const room = width - 2 * EDGE;
  const gap = 18;
  const each = (room - gap * (sources.length - 1)) / Math.max(1, sources.length);
  const elements = sources.map(({ key, source, end }, index) => {
    const from = EDGE + index * (each + gap);
    const scale = new Scale(0, Math.max(extentOf(file), end), from, from + each);
    scales.set(key, scale);
    const shown = shortened(plain(key), Math.floor(each / 8));
    const label = svg("text", { class: "name", x: from, y: sourceTop + SOURCE + 17 }, shown);
    const link = source.path && events.link(source.path);
    return svg("g", {},
      svg("rect", {
        class: "source-bar", x: from, y: sourceTop, width: each, height: SOURCE, rx: 3,
      }),
      link
        ? svg("a", { href: link, "aria-label": `Open ${plain(key)}` }, label)
        : label);
  });
  if (left > 0) {
    elements.push(svg("text", {
      class: "quiet", x: EDGE, y: sourceTop + SOURCE + 36,
    }, `and from ${counted(left, "more file")}: see the table`));
  }
  return { scales, elements };
}

/** The end of a name that is too long for its place, because names differ there. */
const shortened = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);

function wrongRange(place, group, sourceScale) {
  const { file, scale, bar, selected, events } = place;
  const span = scale.span(group.offset, group.length, 3);
  if (!span) return null;
  const [a, b] = span;
  const members = group.members;
  const element = svg("g", {
    class: members.includes(selected) ? "range selected" : "range",
    tabindex: 0,
    role: "button",
    "data-class": group.class,
    "aria-label": rangeWords(group),
    onclick: () => events.select(members[0]),
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        events.select(members[0]);
      }
    },
  }, svg("title", {}, rangeWords(group)));
  if (sourceScale) element.append(...ribbon(place, group, span, sourceScale));
  else if (group.key === file.path) element.append(...arc(place, group, span));
  element.append(svg("rect", {
    class: "hit", x: a, y: bar, width: b - a, height: BAR, fill: `url(#of-${group.class})`,
  }));
  if (b - a >= LETTER_ROOM) element.append(...letter((a + b) / 2, bar + BAR / 2, group.class));
  return element;
}

function rangeWords(group) {
  const { members, class: name, offset, length } = group;
  const what = members.length > 1 ? `${members.length} ranges, ${name}` : name;
  return `${what}: ${counted(length, "byte")} at ${count(offset)}, from ${sourceWords(group)}`;
}

/** A letter on a ground of its class, so that no pattern disturbs it. */
function letter(x, y, name) {
  return [
    svg("rect", {
      class: `class-${name}`, x: x - 8, y: y - 9, width: 16, height: 18, rx: 4,
      stroke: "var(--on-class)", "stroke-width": 1,
    }),
    svg("text", { class: "letter", x, y: y + 4.5, "aria-hidden": "true" }, CLASSES[name].letter),
  ];
}

/** From a wrong range down to the bytes of another file that were found in it. */
function ribbon({ bar, sourceTop }, group, [a, b], scale) {
  const [c, d] = scale.span(group.source.offset, group.length, 3);
  const y = bar + BAR;
  const half = (y + sourceTop) / 2;
  const [from, to] = [(a + b) / 2, (c + d) / 2];
  const name = group.class;
  return [
    svg("path", {
      class: `ribbon class-${name}`,
      d: `M${a} ${y}C${a} ${half} ${c} ${half} ${c} ${sourceTop}H${d}`
        + `C${d} ${half} ${b} ${half} ${b} ${y}Z`,
    }),
    svg("path", {
      class: `arrow stroke-${name}`,
      d: `M${from} ${y}C${from} ${half} ${to} ${half} ${to} ${sourceTop - 9}`,
    }),
    head(to, sourceTop - 1, name),
    svg("rect", {
      fill: `url(#of-${name})`, x: c, y: sourceTop, width: d - c, height: SOURCE,
    }),
  ];
}

/** From a wrong range over the bar to the place of this file whose bytes it has. */
function arc({ scale, bar }, group, [a, b]) {
  const place = scale.span(group.source.offset, group.length, 3);
  const from = (a + b) / 2;
  const outside = group.source.offset < scale.from ? scale.left : scale.right;
  const to = place ? (place[0] + place[1]) / 2 : outside;
  const name = group.class;
  const high = bar - 20 - Math.min(ARCS - 34, 18 + Math.abs(to - from) / 5);
  const parts = [
    svg("path", {
      class: `arrow stroke-${name}`,
      d: `M${from} ${bar}C${from} ${high} ${to} ${high} ${to} ${bar - 9}`,
    }),
    head(to, bar - 1, name),
  ];
  if (place) {
    parts.push(svg("rect", {
      class: `class-${name}`, x: place[0], y: bar - 3, width: place[1] - place[0], height: 3,
    }));
  }
  return parts;
}

const head = (x, y, name) =>
  svg("path", { class: `class-${name}`, d: `M${x} ${y}l-5 -9h10Z` });

/** Letters above the ranges that are too narrow for one, or one for several that stand close. */
function pins({ scale, bar }, shown) {
  const layer = svg("g", { "aria-hidden": "true" });
  const narrow = shown
    .map((group) => ({ group, span: scale.span(group.offset, group.length, 3) }))
    .filter(({ span }) => span && span[1] - span[0] < LETTER_ROOM);
  let free = scale.left;
  let last = null;
  for (const { group, span } of narrow) {
    const x = (span[0] + span[1]) / 2;
    if (last && x < free) {
      last.count += group.members.length;
      last.text.textContent = `+${last.count}`;
      continue;
    }
    const at = Math.min(Math.max(x, scale.left + 8), scale.right - 8);
    const text = svg("text", { class: "quiet", x: at + 11, y: bar - 16 });
    layer.append(
      svg("line", { class: `stroke-${group.class}`, x1: x, x2: x, y1: bar - 12, y2: bar }),
      ...letter(at, bar - 20, group.class), text);
    last = { text, count: group.members.length - 1 };
    if (last.count > 0) text.textContent = `+${last.count}`;
    free = at + 38;
  }
  return layer;
}
