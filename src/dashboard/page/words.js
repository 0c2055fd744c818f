// Numbers and terms in words for people.

import { html, svg } from "./dom.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
const RATE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
const grouped = new Intl.NumberFormat("en");

/** 1536 as "1.5 KiB": units are binary, as everywhere in seedfs. */
export function size(bytes) {
  let unit = 0;
  let value = Number(bytes);
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

/** 1234567 as "1.23 MB/s": rates are decimal, as the end of a run says them. */
export function rate(bytesPerSecond) {
  let unit = 0;
  let value = Number(bytesPerSecond) || 0;
  while (value >= 999.5 && unit < RATE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${RATE_UNITS[unit]}/s`;
}

/** 65536 as "65,536". */
export const count = (number) => grouped.format(number);

/** A count with its noun. */
export const counted = (number, one, many = `${one}s`) =>
  `${count(number)} ${Number(number) === 1 ? one : many}`;

export function perSecond(number) {
  return `${number < 100 ? number.toFixed(1) : count(Math.round(number))}/s`;
}

/** Seconds as "1 h 05 min". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** 0.0000125 as "13 µs": how long an operation takes. */
export function latency(seconds) {
  const units = [[1e-6, 1e9, "ns"], [1e-3, 1e6, "µs"], [1, 1e3, "ms"], [Infinity, 1, "s"]];
  const [, times, unit] = units.find(([below]) => seconds < below) ?? units[units.length - 1];
  const value = seconds * times;
  return `${value.toFixed(value < 9.95 && unit !== "ns" ? 1 : 0)} ${unit}`;
}

/** Seconds since 1970 as a date and a time, as the browser writes them. */
export function moment(seconds) {
  const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
  return format.format(new Date(seconds * 1000));
}

/** A share of a whole, which never rounds to all or nothing where it is neither. */
export function percent(part, whole) {
  if (!(whole > 0)) return "–";
  const value = (100 * part) / whole;
  if (value > 0 && value < 0.1) return "<0.1 %";
  if (value < 100 && value > 99.9) return ">99.9 %";
  const nearAnEnd = (value > 0 && value < 10) || (value > 90 && value < 100);
  return `${value.toFixed(nearAnEnd ? 1 : 0)} %`;
}

/** An exact number behind a rounded one: for the pointer, for tests and for scripts. */
export function data(value, shown) {
  return html("data", { value, title: count(value) }, shown);
}

export const bytes = (value) => data(value, size(value));

/** Text that somebody else wrote, with what would move or hide other text made visible. */
export function plain(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

const MARKS = {
  verified: ["M2 8.6 6.2 13 14 3.6"],
  mismatch: ["M3 3 13 13", "M13 3 3 13"],
  incomplete: ["M8 2a6 6 0 0 1 0 12z", "M8 2a6 6 0 1 0 0 12a6 6 0 0 0 0-12z"],
  untouched: ["M8 2a6 6 0 1 0 0 12a6 6 0 0 0 0-12z"],
  working: ["M4 2.8 13 8 4 13.2z"],
  unknown: ["M5.5 8H5.6", "M10.5 8H10.6"],
};

/** The sign of a verdict: its shape says what its colour says. */
export function mark(verdict) {
  const known = Object.hasOwn(MARKS, verdict) ? verdict : "unknown";
  const soft = ["untouched", "unknown", "working"].includes(known);
  const colour = soft ? "var(--soft)" : `var(--${known})`;
  const parts = MARKS[known].map((d, index) =>
    svg("path", {
      d,
      fill: known === "incomplete" && index === 0 ? colour : "none",
      stroke: colour,
      "stroke-width": 2.4,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
    }));
  return svg("svg", { class: "mark", viewBox: "0 0 16 16", "aria-hidden": "true" }, ...parts);
}

/** A verdict as its sign and its word. */
export const verdict = (word) =>
  html("span", { class: "verdict", "data-verdict": word }, mark(word), word);

/** What each class means, with the letter that stands for it where there is no room for more. */
export const CLASSES = {
  misplaced: { letter: "M", means: "content of another file, or of another offset" },
  stale: { letter: "S", means: "the right place of another generation" },
  zeroed: { letter: "Z", means: "zeros" },
  flipped: { letter: "F", means: "the right bytes, but for a few bits" },
  foreign: { letter: "X", means: "nobody's content" },
};

/** The class of a report, or `foreign` for a word that this page does not know. */
export const classOf = (range) => (Object.hasOwn(CLASSES, range.class) ? range.class : "foreign");

export function classBadge(range) {
  const name = classOf(range);
  return html("span", { class: `class-badge back-${name}`, "aria-hidden": "true" },
    CLASSES[name].letter);
}

/** Where the bytes of a range came from, in words. */
export function sourceWords({ source, class: name }) {
  if (!source) return { zeroed: "zeros", flipped: "its own place" }[name] ?? "nobody's content";
  const place = `node ${source.node} process ${source.process} file ${source.file}`;
  let words;
  if (source.shared_block !== undefined) {
    words = `shared block ${source.shared_block} of generation ${source.generation}`;
  } else if (source.path === null || source.path === undefined) {
    words = `generation ${source.generation} ${place} at ${count(source.offset)}, `
      + "which this dataset does not have";
  } else {
    words = `${plain(source.path)} at ${count(source.offset)}`;
  }
  if (source.last_generation !== undefined && source.last_generation !== source.generation) {
    words += `, the same up to generation ${source.last_generation}`;
  }
  return words;
}
