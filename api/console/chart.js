// Lines over a common axis, with a crosshair that follows the pointer or the arrow keys.
import { el, svg, framed } from "./dom.js";
import { short } from "./format.js";
import { path, sized, ticks } from "./plot.js";

const LEFT = 52,
  RIGHT = 10,
  TOP = 8,
  BOTTOM = 34;
const swatch = (i) => el("i", { style: { "--swatch": ["var(--accent)", "var(--second)", "var(--bad)"][i] } });

// Where values of many sizes are positive, their logarithm shows more.
const wide = (values) => Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 6;

function decades(low, high) {
  const list = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const m of [1, 2, 5])
      if (m * 10 ** power >= low && m * 10 ** power <= high) list.push(m * 10 ** power);
  return list.length > 6 ? list.filter((_, i) => i % 2 === 0) : list;
}

// series: [{name, points: [[x, y]…]}], up to three. Returns {node, update(series)}. `what` is said to screen readers.
export function lineChart({ series, what, x = "", y = "", height = 220, format = short }) {
  const legend = el("p", { class: "legend", "aria-hidden": "true" });
  const box = sized(height, what, draw, { tabIndex: 0 });
  const node = el("figure", { class: "stack" }, box, legend);
  let shown = [],
    toX = () => 0,
    toY = () => 0,
    at = -1;

  function draw(into, width) {
    const all = shown.flatMap((s) => s.points);
    if (!all.length) return;
    const xs = all.map((p) => p[0]),
      ys = all.map((p) => p[1]),
      log = wide(ys),
      scale = log ? Math.log : (v) => v;
    const x0 = Math.min(...xs),
      x1 = Math.max(...xs, x0 + 1e-9);
    let low = Math.min(...ys),
      high = Math.max(...ys);
    if (!(high > low)) {
      low -= Math.abs(low) * 0.05 + 1e-9;
      high += Math.abs(high) * 0.05 + 1e-9;
    }
    toX = (v) => LEFT + ((v - x0) / (x1 - x0)) * (width - LEFT - RIGHT);
    toY = (v) => TOP + (1 - (scale(v) - scale(low)) / (scale(high) - scale(low))) * (height - TOP - BOTTOM);
    for (const t of log ? decades(low, high) : ticks(low, high, 4))
      into.append(
        svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: toY(t), y2: toY(t) }),
        svg("text", { x: LEFT - 7, y: toY(t) + 4, "text-anchor": "end" }, format(t)),
      );
    for (const t of ticks(x0, x1, Math.min(8, width / 60), xs.every(Number.isInteger) ? 1 : 0))
      into.append(svg("text", { x: toX(t), y: height - 18, "text-anchor": "middle" }, short(t)));
    into.append(
      svg("text", { x: width - RIGHT, y: height - 3, "text-anchor": "end" }, x),
      svg("text", { x: LEFT - 7, y: height - 3, "text-anchor": "end" }, y),
    );
    shown.forEach((s, i) =>
      into.append(
        s.points.length === 1
          ? svg("circle", { class: "f" + i, cx: toX(s.points[0][0]), cy: toY(s.points[0][1]), r: 3 })
          : svg("path", { class: "line c" + i, d: path(s.points.map(([a, b]) => [toX(a), toY(b)])) }),
      ),
    );
  }
  function name() {
    legend.replaceChildren(...shown.map((s, i) => el("span", {}, swatch(i), s.name)));
    const ends = shown.map(
      (s) => s.name + " from " + format(s.points[0][1]) + " to " + format(s.points.at(-1)[1]),
    );
    box.setAttribute(
      "aria-label",
      what + (ends.length ? ". " + ends.join("; ") + ". Arrow keys read the points." : ": nothing yet"),
    );
  }
  function point(index) {
    const points = shown[0]?.points;
    box.querySelectorAll(".mark").forEach((n) => n.remove());
    if (!points?.length) return;
    at = Math.min(Math.max(index, 0), points.length - 1);
    const v = points[at][0],
      words = [];
    box.append(svg("line", { class: "mark cross", x1: toX(v), x2: toX(v), y1: TOP, y2: height - BOTTOM }));
    shown.forEach((s, i) => {
      const hit = s.points.find((p) => p[0] === v);
      if (!hit) return;
      words.push([i, s.name + " " + format(hit[1])]);
      box.append(svg("circle", { class: "mark f" + i, cx: toX(v), cy: toY(hit[1]), r: 3.5 }));
    });
    legend.replaceChildren(
      el("span", {}, x + " " + short(v)),
      ...words.map(([i, w]) => el("span", {}, swatch(i), w)),
    );
    box.setAttribute("aria-label", x + " " + short(v) + ": " + words.map(([, w]) => w).join(", "));
  }
  function leave() {
    box.querySelectorAll(".mark").forEach((n) => n.remove());
    name();
  }
  function update(next) {
    shown = next
      .map((s) => ({ ...s, points: s.points.filter((p) => Number.isFinite(p[1])) }))
      .filter((s) => s.points.length);
    box.redraw();
    node.hidden = shown.length === 0;
    name();
  }
  box.addEventListener(
    "pointermove",
    framed((event) => {
      const wanted = event.clientX - box.getBoundingClientRect().left,
        points = shown[0]?.points || [];
      let best = 0;
      points.forEach((p, i) => {
        if (Math.abs(toX(p[0]) - wanted) < Math.abs(toX(points[best][0]) - wanted)) best = i;
      });
      point(best);
    }),
  );
  box.addEventListener("pointerleave", leave);
  box.addEventListener("blur", leave);
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[event.key];
    if (!step) return;
    event.preventDefault();
    point(at + step);
  });
  update(series);
  return { node, update };
}
