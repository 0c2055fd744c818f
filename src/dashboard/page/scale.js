// From the document of a file to what is drawn of it: pieces, groups, places. No drawing.

import { classOf } from "./words.js";

/** How many other files are drawn as sources; the table has all of them. */
export const SOURCES_MAX = 4;

/** A part of a file, in bytes, on so many pixels. */
export class Scale {
  constructor(from, to, left, right) {
    Object.assign(this, { from, to, left, right });
  }

  get perPixel() {
    return (this.to - this.from) / (this.right - this.left);
  }

  x(offset) {
    return this.left + (offset - this.from) / this.perPixel;
  }

  /** The pixels of a run that are in sight, at least `least` wide; `null` where it is outside. */
  span(offset, length, least = 0) {
    if (offset >= this.to || offset + length <= this.from) return null;
    const a = Math.max(this.left, this.x(offset));
    const b = Math.min(this.right, this.x(offset + length));
    const more = Math.max(0, least - (b - a));
    const left = Math.min(Math.max(this.left, a - more / 2), this.right - Math.max(b - a, least));
    return [left, left + Math.max(b - a, least)];
  }

  /** Round offsets for an axis. */
  ticks(apart = 110) {
    const least = apart * this.perPixel;
    let step = 1;
    while (step < least) step *= 2;
    const ticks = [];
    for (let at = Math.ceil(this.from / step) * step; at <= this.to; at += step) ticks.push(at);
    return ticks;
  }
}

/** How long the picture of a file is: what it should have, or has. */
export const extentOf = (file) => Math.max(1, file.bytes.expected, file.size_bytes);

/**
 * The states of a file's bytes, as `{ state, from, to }`: wrong ones are drawn by their ranges, and
 * what a document does not say is unknown.
 */
export function pieces(file) {
  const { expected, untouched, matched } = file.bytes;
  if (!Array.isArray(file.segments)) {
    const state = untouched === expected ? "untouched" : matched === expected ? "matched" : null;
    return [{ state: state ?? "unknown", from: 0, to: expected }];
  }
  const found = file.segments
    .filter(({ class: name }) => name === undefined)
    .map(({ state, offset, length }) => ({ state, from: offset, to: offset + length }));
  const last = file.segments[file.segments.length - 1];
  const end = last ? last.offset + last.length : 0;
  if (end < expected) found.push({ state: "unknown", from: end, to: expected });
  return found;
}

/** Under what a source is named: its path, or nothing where this dataset has no such file. */
export function sourceKey(source) {
  if (!source) return null;
  if (source.shared_block !== undefined) return `shared block ${source.shared_block}`;
  return source.path ?? `generation ${source.generation}, node ${source.node}, `
    + `process ${source.process}, file ${source.file}`;
}

/**
 * Ranges that stand so close together that one picture shows them, in their order: they are of one
 * class, and where they come from is as far away.
 */
export function groups(ranges, scale) {
  const found = [];
  for (const [index, range] of ranges.entries()) {
    const last = found[found.length - 1];
    const key = sourceKey(range.source);
    const away = range.source ? range.source.offset - range.offset : 0;
    const gap = last ? range.offset - (last.offset + last.length) : 0;
    const joins = last && last.class === classOf(range) && last.key === key && last.away === away
      && gap / scale.perPixel < 1.5;
    if (joins) {
      last.length = range.offset + range.length - last.offset;
      last.members.push(index);
    } else {
      const { offset, length, source } = range;
      found.push({ class: classOf(range), key, away, offset, length, source, members: [index] });
    }
  }
  return found;
}

/** The other files from which most ranges come, in the order in which they are drawn. */
export function otherSources(file, ranges, most = SOURCES_MAX) {
  const byKey = new Map();
  for (const range of ranges) {
    const key = sourceKey(range.source);
    if (key === null || key === file.path || range.source.shared_block !== undefined) continue;
    const known = byKey.get(key) ?? { key, source: range.source, bytes: 0, middle: 0, end: 0 };
    known.bytes += range.length;
    known.middle += (range.offset + range.length / 2) * range.length;
    known.end = Math.max(known.end, range.source.offset + range.length);
    byKey.set(key, known);
  }
  const all = [...byKey.values()].sort((a, b) => b.bytes - a.bytes);
  const drawn = all.slice(0, most).sort((a, b) => a.middle / a.bytes - b.middle / b.bytes);
  return { drawn, left: all.length - drawn.length };
}
