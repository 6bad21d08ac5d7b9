// Small plots as SVG: lines with axes and a crosshair, sparklines, bars. Colours are classes, so the scheme may change.
import { el, svg, framed, unique } from "./dom.js";
import { short } from "./format.js";

// About `n` round numbers from low to high.
export function ticks(low, high, n) {
  const raw = (high - low) / n || 1,
    power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5, 10].find((m) => m * power >= raw) || 10);
  const list = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step)
    list.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return list;
}

const path = (points) =>
  points.map(([x, y], i) => (i ? "L" : "M") + x.toFixed(2) + " " + y.toFixed(2)).join("");

// series: [{name, points:[[x, y]…]}], up to three. Returns {node, update(series)}. `what` is said to screen readers.
export function lineChart({ series, what, x = "", y = "", height = 220, format = short, from }) {
  const width = 640,
    left = 52,
    right = 10,
    top = 8,
    bottom = 34;
  const box = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", tabIndex: 0 });
  const legend = el("p", { class: "legend", "aria-hidden": "true" });
  const node = el("figure", { class: "stack" }, box, legend);
  let shown = [],
    toX,
    toY,
    at = -1;

  function draw(next) {
    shown = next.filter((s) => s.points.length);
    const all = shown.flatMap((s) => s.points).filter(([, v]) => Number.isFinite(v));
    box.replaceChildren();
    const xs = all.map((p) => p[0]),
      ys = all.map((p) => p[1]);
    const x0 = Math.min(...xs),
      x1 = Math.max(...xs, x0 + 1e-9);
    let y0 = from ?? Math.min(...ys),
      y1 = Math.max(...ys);
    if (!(y1 > y0)) {
      y0 -= Math.abs(y0) * 0.05 + 1e-9;
      y1 += Math.abs(y1) * 0.05 + 1e-9;
    }
    toX = (v) => left + ((v - x0) / (x1 - x0)) * (width - left - right);
    toY = (v) => top + (1 - (v - y0) / (y1 - y0)) * (height - top - bottom);
    if (!all.length) {
      box.setAttribute("aria-label", what + ": nothing yet");
      return;
    }
    for (const t of ticks(y0, y1, 4))
      box.append(
        svg("line", { class: "axis", x1: left, x2: width - right, y1: toY(t), y2: toY(t) }),
        svg("text", { x: left - 7, y: toY(t) + 4, "text-anchor": "end" }, format(t)),
      );
    for (const t of ticks(x0, x1, 8))
      box.append(svg("text", { x: toX(t), y: height - 18, "text-anchor": "middle" }, short(t)));
    box.append(
      svg("text", { x: width - right, y: height - 3, "text-anchor": "end" }, x),
      svg("text", { x: left - 7, y: height - 3, "text-anchor": "end" }, y),
    );
    shown.forEach((s, i) =>
      box.append(
        s.points.length === 1
          ? svg("circle", { class: "f" + i, cx: toX(s.points[0][0]), cy: toY(s.points[0][1]), r: 3 })
          : svg("path", {
              class: "line c" + i,
              d: path(s.points.filter(([, v]) => Number.isFinite(v)).map(([a, b]) => [toX(a), toY(b)])),
            }),
      ),
    );
    legend.replaceChildren(
      ...shown.map((s, i) =>
        el(
          "span",
          {},
          el("i", { style: { "--swatch": ["var(--accent)", "var(--second)", "var(--bad)"][i] } }),
          s.name,
        ),
      ),
    );
    box.setAttribute(
      "aria-label",
      what +
        ". " +
        shown
          .map((s) => s.name + " from " + format(s.points[0][1]) + " to " + format(s.points.at(-1)[1]))
          .join("; ") +
        ". Arrow keys read the points.",
    );
  }
  function point(index) {
    const points = shown[0]?.points;
    box.querySelectorAll(".mark").forEach((n) => n.remove());
    if (!points?.length || index < 0) return;
    at = Math.min(Math.max(index, 0), points.length - 1);
    const v = points[at][0],
      words = [];
    box.append(svg("line", { class: "mark cross", x1: toX(v), x2: toX(v), y1: top, y2: height - bottom }));
    shown.forEach((s, i) => {
      const hit = s.points.find((p) => p[0] === v);
      if (!hit || !Number.isFinite(hit[1])) return;
      words.push(s.name + " " + format(hit[1]));
      box.append(svg("circle", { class: "mark f" + i, cx: toX(v), cy: toY(hit[1]), r: 3.5 }));
    });
    legend.replaceChildren(
      el("span", {}, x + " " + short(v)),
      ...words.map((w, i) =>
        el(
          "span",
          {},
          el("i", { style: { "--swatch": ["var(--accent)", "var(--second)", "var(--bad)"][i] } }),
          w,
        ),
      ),
    );
    box.setAttribute("aria-label", x + " " + short(v) + ": " + words.join(", "));
  }
  box.addEventListener(
    "pointermove",
    framed((event) => {
      const scale = width / box.getBoundingClientRect().width,
        wanted = (event.clientX - box.getBoundingClientRect().left) * scale;
      const points = shown[0]?.points || [];
      let best = -1;
      points.forEach((p, i) => {
        if (best < 0 || Math.abs(toX(p[0]) - wanted) < Math.abs(toX(points[best][0]) - wanted)) best = i;
      });
      point(best);
    }),
  );
  box.addEventListener("pointerleave", () => draw(shown));
  box.addEventListener("blur", () => draw(shown));
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[event.key];
    if (step) {
      event.preventDefault();
      point(Math.min(Math.max(at + step, 0), 1e9));
    }
  });
  draw(series);
  return { node, update: draw };
}

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
  const low = el("span", {}),
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
  const width = 640,
    height = 130,
    bottom = 22,
    n = 48;
  const low = quantiles[0],
    high = quantiles[Math.floor((quantiles.length - 1) * 0.995)] || quantiles.at(-1),
    step = (high - low) / n || 1;
  const heights = Array.from({ length: n }, () => 0);
  for (const q of quantiles) if (q <= high) heights[Math.min(n - 1, Math.floor((q - low) / step))]++;
  const most = Math.max(...heights),
    box = svg("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": what });
  heights.forEach((h, i) =>
    box.append(
      svg("rect", {
        class: "f0",
        opacity: ".75",
        x: (i * width) / n + 1,
        width: width / n - 2,
        y: (height - bottom) * (1 - h / most),
        height: ((height - bottom) * h) / most,
      }),
    ),
  );
  for (const t of ticks(low, high, 5))
    box.append(
      svg(
        "text",
        {
          x: Math.min(Math.max(((t - low) / (high - low)) * width, 14), width - 14),
          y: height - 5,
          "text-anchor": "middle",
        },
        short(t),
      ),
    );
  if (value !== undefined) {
    const x = Math.min(Math.max((value - low) / (high - low), 0), 1) * width;
    box.append(svg("line", { class: "c2", "stroke-width": 2, x1: x, x2: x, y1: 0, y2: height - bottom }));
  }
  return box;
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
