// Small plots as SVG: sparklines, bars, densities, codes. Colours are classes, so the scheme may change.
import { el, svg, unique } from "./dom.js";
import { short } from "./format.js";

// A plot as wide as its place: `draw(box, width)` fills it, again whenever that changes.
export function sized(height, what, draw, props = {}) {
  const box = svg("svg", { class: "plot", height, role: "img", "aria-label": what, ...props });
  let width = 0;
  box.redraw = () => {
    box.replaceChildren();
    if (width) draw(box, width);
  };
  new ResizeObserver((entries) => {
    const now = Math.round(entries[0].contentRect.width);
    if (now === width) return;
    width = now;
    box.setAttribute("viewBox", `0 0 ${width} ${height}`);
    box.redraw();
  }).observe(box);
  return box;
}

// About `n` round numbers from low to high, no nearer than `least`.
export function ticks(low, high, n, least = 0) {
  const raw = Math.max((high - low) / n || 1, least),
    power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, least ? 5 : 2.5, 5, 10].find((m) => m * power >= raw) || 10);
  const list = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step)
    list.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return list;
}

export const path = (points) =>
  points.map(([x, y], i) => (i ? "L" : "M") + x.toFixed(2) + " " + y.toFixed(2)).join("");

// A line without axes for values that go on: {node, push(value)}. The newest is at the right.
export function spark({ label, keep = 60, format = short, from = 0 }) {
  const width = 240,
    height = 56,
    values = [];
  const area = svg("path", { class: "area f0" }),
    line = svg("path", { class: "line c0" });
  const name = unique("spark");
  const figure = el("p", { class: "figure" }, "–");
  const box = svg(
    "svg",
    {
      class: "plot spark",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    area,
    line,
  );
  const low = el("span", {}, "\u00a0"),
    node = el(
      "section",
      { class: "panel sparkle", "aria-labelledby": name },
      el("h2", { id: name }, label),
      figure,
      box,
      el("p", { class: "dim small" }, low),
    );
  return {
    node,
    push(value, words) {
      values.push(Number.isFinite(value) ? value : null);
      if (values.length > keep) values.shift();
      figure.textContent = words ?? (Number.isFinite(value) ? format(value) : "–");
      const real = values.filter((v) => v !== null),
        most = Math.max(...real, from + 1e-9);
      const points = values
        .map((v, i) => [
          width - ((values.length - 1 - i) * width) / (keep - 1),
          v === null ? null : height - 2 - ((v - from) / (most - from)) * (height - 6),
        ])
        .filter((p) => p[1] !== null);
      line.setAttribute("d", path(points));
      area.setAttribute(
        "d",
        points.length ? path(points) + `L${points.at(-1)[0]} ${height}L${points[0][0]} ${height}Z` : "",
      );
      low.textContent = real.length ? "most " + format(most > from + 1e-9 ? most : from) : "nothing yet";
    },
  };
}

// rows: [{name, share 0…1, value, note?}]: a labelled bar each.
export function bars(label, rows, kind = "") {
  return el(
    "ul",
    { class: "bars", role: "list", "aria-label": label },
    rows.map((row) =>
      el(
        "li",
        { title: row.note },
        el("span", { class: "what" }, row.name),
        el(
          "span",
          {
            class: "bar " + kind,
            "aria-hidden": "true",
            style: { "--share": String(Math.min(Math.max(row.share, 0), 1)) },
          },
          el("i"),
        ),
        el("span", { class: "num" }, row.value),
        row.note && el("span", { class: "note dim small" }, row.note),
      ),
    ),
  );
}

// The density behind evenly spaced quantiles, with a mark at `value`.
export function density(quantiles, { what, value } = {}) {
  const height = 120,
    bottom = 20,
    n = 48;
  const low = quantiles[0],
    high = quantiles[Math.floor((quantiles.length - 1) * 0.995)] || quantiles.at(-1);
  const step = (high - low) / n || 1,
    heights = Array.from({ length: n }, () => 0);
  for (const q of quantiles) if (q <= high) heights[Math.min(n - 1, Math.floor((q - low) / step))]++;
  const most = Math.max(...heights);
  return sized(height, what, (box, width) => {
    const full = height - bottom,
      at = (v) => Math.min(Math.max((v - low) / (high - low || 1), 0), 1) * width;
    heights.forEach((h, i) =>
      box.append(
        svg("rect", {
          class: "f0",
          opacity: ".75",
          x: (i * width) / n + 0.5,
          width: width / n - 1,
          y: full * (1 - h / most),
          height: (full * h) / most,
        }),
      ),
    );
    for (const t of ticks(low, high, Math.min(6, width / 70)))
      box.append(
        svg(
          "text",
          { x: Math.min(Math.max(at(t), 16), width - 16), y: height - 5, "text-anchor": "middle" },
          short(t),
        ),
      );
    if (value !== undefined)
      box.append(
        svg("line", { class: "c2", "stroke-width": 2.5, x1: at(value), x2: at(value), y1: 0, y2: full }),
      );
  });
}

// A code as bars up and down from the middle.
export function codeStrip(code, label = "Latent code") {
  const width = 320,
    height = 54,
    most = Math.max(...code.map(Math.abs), 1e-9),
    w = width / code.length;
  return svg(
    "svg",
    {
      class: "plot strip",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label":
        label +
        " of " +
        code.length +
        " numbers, from " +
        short(Math.min(...code)) +
        " to " +
        short(Math.max(...code)),
    },
    [...code].map((v, i) =>
      svg("rect", {
        class: v < 0 ? "f1" : "f0",
        x: i * w + w * 0.1,
        width: w * 0.8,
        y: v < 0 ? height / 2 : (height / 2) * (1 - v / most),
        height: Math.max(0.5, ((Math.abs(v) / most) * height) / 2),
      }),
    ),
  );
}
