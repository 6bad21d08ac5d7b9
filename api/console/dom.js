// Elements, labels, announcements: what every view is made of. Text never becomes markup here.

const PROPERTIES = new Set([
  "value",
  "checked",
  "disabled",
  "hidden",
  "selected",
  "textContent",
  "tabIndex",
  "open",
  "htmlFor",
  "indeterminate",
]);

function assign(node, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else if (PROPERTIES.has(key)) node[key] = value;
    else if (value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  return node;
}

function fill(node, children) {
  for (const child of children.flat(Infinity))
    if (child !== undefined && child !== null && child !== false) node.append(child);
  return node;
}

// el("button", {class: "primary", onclick: go}, "Go"): an element. Children may be lists; null and false are left out.
export function el(tag, props = {}, ...children) {
  return fill(assign(document.createElement(tag), props), children);
}

export function svg(tag, props = {}, ...children) {
  return fill(assign(document.createElementNS("http://www.w3.org/2000/svg", tag), props), children);
}

export function clear(node, ...children) {
  node.replaceChildren();
  return fill(node, children);
}

// Where a view is, and what it is to show.
export function address(view, params = {}) {
  const query = new URLSearchParams(
    Object.entries(params).filter(([, v]) => v !== undefined && v !== null && v !== ""),
  );
  return "#/" + view + (query.size ? "?" + query : "");
}

// Whether what is asked for and what is found have room beside each other; below each other, the first hides the second.
export const roomy = () => matchMedia("(min-width: 68rem)").matches;

let ids = 0;
export const unique = (word) => word + "-" + ++ids;

// Said by screen readers without moving the focus.
export function say(words) {
  const live = document.getElementById("live");
  live.textContent = "";
  requestAnimationFrame(() => {
    live.textContent = words;
  });
}

// A control with its label above and a hint below.
export function field(label, control, hint) {
  if (!control.id) control.id = unique("field");
  const note = hint && el("p", { class: "hint", id: control.id + "-hint" }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return el("div", { class: "field" }, el("label", { htmlFor: control.id }, label), control, note);
}

export function checkbox(label, props = {}) {
  const input = el("input", { type: "checkbox", ...props });
  return { input, node: el("label", { class: "check" }, input, label) };
}

export function number(props) {
  return el("input", { type: "number", inputmode: "decimal", ...props });
}

export function select(options, props = {}) {
  return el(
    "select",
    props,
    options.map((o) =>
      typeof o === "string"
        ? el("option", { value: o }, o)
        : el("option", { value: o.value, selected: o.selected ?? false }, o.label),
    ),
  );
}

export function button(label, onclick, kind) {
  return el("button", { type: "button", class: kind, onclick }, label);
}

// The head of a view: its name, one sentence, and what can be done with all of it.
export function heading(title, sentence, ...tools) {
  return el(
    "header",
    { class: "head" },
    el("div", {}, el("h1", { tabIndex: -1 }, title), sentence && el("p", { class: "dim" }, sentence)),
    tools.length ? el("div", { class: "row" }, tools) : null,
  );
}

export function panel(title, ...children) {
  const id = unique("panel");
  return el(
    "section",
    { class: "panel", "aria-labelledby": title ? id : undefined },
    title && el("h2", { id }, title),
    children,
  );
}

export function chip(text, kind = "") {
  return el("span", { class: "chip " + kind }, text);
}

// Why there is nothing to see, and what would change that.
export function empty(title, ...words) {
  return el("div", { class: "empty" }, el("p", { class: "strong" }, title), el("p", { class: "dim" }, words));
}

export function busy(words = "Loading …") {
  return el("p", { class: "busy dim" }, words);
}

// names → values as a two-column list; what has no value is left out.
export function facts(rows) {
  return el(
    "dl",
    { class: "facts" },
    rows
      .filter((r) => r && r[1] !== undefined && r[1] !== null && r[1] !== false && r[1] !== "")
      .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}

export function table(label, heads, rows) {
  return el(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": label },
    el(
      "table",
      {},
      el("caption", { class: "unseen" }, label),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((h) =>
            el("th", { scope: "col", class: h.startsWith("#") ? "num" : "" }, h.replace("#", "")),
          ),
        ),
      ),
      el(
        "tbody",
        {},
        rows.map((cells) =>
          el(
            "tr",
            {},
            cells.map((cell, i) =>
              el(
                i ? "td" : "th",
                { scope: i ? undefined : "row", class: heads[i].startsWith("#") ? "num" : "" },
                cell,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

// One tab stop for many: arrows, Home and End walk through the elements that `selector` finds.
export function roving(box, selector) {
  const all = () => [...box.querySelectorAll(selector)];
  const sync = (chosen) =>
    all().forEach((node, i) => {
      node.tabIndex = (chosen ? node === chosen : i === 0) ? 0 : -1;
    });
  const columns = (nodes) => {
    const top = nodes[0].getBoundingClientRect().top;
    const next = nodes.findIndex((n) => n.getBoundingClientRect().top > top + 2);
    return next < 0 ? nodes.length : next;
  };
  box.addEventListener("focusin", (event) => {
    const node = event.target.closest(selector);
    if (node) sync(node);
  });
  box.addEventListener("keydown", (event) => {
    const nodes = all(),
      at = nodes.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns(nodes),
      ArrowUp: -columns(nodes),
      Home: -at,
      End: nodes.length - 1 - at,
    }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    nodes[Math.min(Math.max(at + step, 0), nodes.length - 1)].focus();
  });
  sync();
  return sync;
}

// For work of which only the newest counts: each call ends what was begun before, and returns the signal of what begins
// now; that ends with `signal` too.
export function latest(signal) {
  let stop = new AbortController();
  return () => {
    stop.abort();
    stop = new AbortController();
    return AbortSignal.any([stop.signal, signal]);
  };
}

// Saves what lies in memory as a file.
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// At most one call a frame, with the arguments of the last.
export function framed(work) {
  let waiting = 0,
    last;
  return (...args) => {
    last = args;
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      work(...last);
    });
  };
}

// Runs `work` with the newest arguments, never two at once: what comes meanwhile waits, the older of it is dropped.
export function newest(work) {
  let running = false,
    next = null;
  return async function run(...args) {
    if (running) {
      next = args;
      return;
    }
    running = true;
    try {
      await work(...args);
    } finally {
      running = false;
      if (next) {
        const again = next;
        next = null;
        run(...again);
      }
    }
  };
}
