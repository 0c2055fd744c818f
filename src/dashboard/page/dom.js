// Making elements. Text only ever becomes text nodes and attributes: whatever somebody else wrote
// into a report is shown, and never parsed.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An element of the document, like `html("p", { class: "of" }, "text")`. */
export function html(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An element of a picture. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Sets a text only where it changes: a live region is read out again otherwise. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Replaces what is in an element, unless a key says that it shows the same already. */
export function replaceIfNew(node, key, make) {
  if (node.dataset.shows === key) return;
  node.dataset.shows = key;
  node.replaceChildren(...make());
}

/** A table with a head; each row is `{ class, cells }`, each cell `{ value, number, head }`. */
export function fillTable(table, caption, heads, rows) {
  const cell = ({ value, number, head }) =>
    html(head ? "th" : "td", { class: number && "number", scope: head && "row" }, value);
  const head = heads.map(({ value, number }) =>
    html("th", { scope: "col", class: number && "number" }, value));
  table.replaceChildren(
    html("caption", { class: "visually-hidden" }, caption),
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...rows.map((row) =>
      html("tr", { class: row.class }, ...row.cells.map(cell)))),
  );
}
