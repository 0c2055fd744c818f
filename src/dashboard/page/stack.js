// Bars of parts: bytes by state, files by verdict.

import { html } from "./dom.js";
import { count, percent } from "./words.js";

/** The spans of a bar, each as wide as its share; a part that is there is always seen. */
function spans(parts, values) {
  return parts.filter((part) => values[part] > 0).map((part) => {
    const span = html("span", { class: `fill-${part}`, title: `${part}: ${count(values[part])}` });
    span.style.flexGrow = String(Number(values[part]));
    return span;
  });
}

function label(parts, values) {
  const whole = parts.reduce((sum, part) => sum + Number(values[part]), 0);
  const named = parts.filter((part) => values[part] > 0)
    .map((part) => `${part} ${percent(Number(values[part]), whole)}`);
  return named.length > 0 ? named.join(", ") : "nothing";
}

/** Fills a bar that is in the document. */
export function fillStack(bar, parts, values) {
  bar.replaceChildren(...spans(parts, values));
  bar.setAttribute("aria-label", label(parts, values));
}

/** A bar of its own. */
export function stackOf(parts, values, more = "") {
  const bar = html("div", { class: `stack ${more}`, role: "img" });
  fillStack(bar, parts, values);
  return bar;
}
