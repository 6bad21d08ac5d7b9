// Points on a canvas: zoom and pan by wheel, touch, mouse and keys; the point under the pointer or the keys is told.
// Zoomed in far enough, points become their pictures.
import { el, framed } from "./dom.js";
import { loadImage } from "./picture.js";

const RADIUS = 3,
  PICTURES = 140;

// The colours of the scheme in words a canvas understands.
function resolved(names) {
  const probe = el("span", { hidden: true });
  document.body.append(probe);
  const out = names.map((name) => {
    probe.style.color = name;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return out;
}

// options: n, xy (Float32Array 2n), colour(i) → CSS colour or null (hidden), path(i) → of its picture or null,
// onfocus(i or -1, x, y), onpick(i), signal, label. Returns {node, redraw(), reset()}.
export function scatter({ n, xy, colour, path, onfocus, onpick, signal, label }) {
  const canvas = el("canvas", {
    tabIndex: 0,
    role: "application",
    "aria-roledescription": "map of points",
    "aria-label": label,
  });
  const pen = canvas.getContext("2d");
  const view = { x: 0, y: 0, scale: 1 };
  const images = new Map(); // i → Image, null (none) or undefined (on its way)
  let focus = -1,
    width = 0,
    height = 0,
    base,
    low,
    size,
    ink,
    ground,
    moved = false;

  function bounds() {
    let x0 = Infinity,
      x1 = -Infinity,
      y0 = Infinity,
      y1 = -Infinity;
    for (let i = 0; i < n; i++) {
      x0 = Math.min(x0, xy[2 * i]);
      x1 = Math.max(x1, xy[2 * i]);
      y0 = Math.min(y0, xy[2 * i + 1]);
      y1 = Math.max(y1, xy[2 * i + 1]);
    }
    low = [x0, y0];
    size = [x1 - x0 || 1, y1 - y0 || 1];
  }
  const fit = () => {
    base = Math.min((width - 48) / size[0], (height - 48) / size[1]);
  };
  const sx = (i) => width / 2 + (xy[2 * i] - low[0] - size[0] / 2) * base * view.scale + view.x;
  const sy = (i) => height / 2 - (xy[2 * i + 1] - low[1] - size[1] / 2) * base * view.scale + view.y;
  const inside = (x, y, by = 0) => x > -by && y > -by && x < width + by && y < height + by;

  const draw = framed(() => {
    if (signal.aborted || !width) return;
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const seen = [];
    for (let i = 0; i < n; i++) if (colour(i) && inside(sx(i), sy(i), 30)) seen.push(i);
    const asPictures = path && seen.length <= PICTURES && seen.length < n;
    const side = Math.min(52, Math.max(22, Math.sqrt((width * height) / (seen.length + 1)) * 0.42));
    const radius = Math.min(7, RADIUS * Math.max(0.8, view.scale ** 0.3));
    pen.globalAlpha = n > 3000 ? 0.72 : 0.85;
    for (const i of seen) {
      if (asPictures && drawPicture(i, side)) continue;
      pen.fillStyle = colour(i);
      pen.beginPath();
      pen.arc(sx(i), sy(i), radius, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    if (focus >= 0) ring(focus, asPictures && images.get(focus) ? side * 0.72 : radius + 4);
  });
  function drawPicture(i, side) {
    if (!images.has(i)) {
      images.set(i, undefined);
      loadImage(path(i)).then((image) => {
        images.set(i, image);
        draw();
      });
    }
    const image = images.get(i);
    if (!image) return false;
    pen.globalAlpha = 1;
    const x = sx(i) - side / 2,
      y = sy(i) - side / 2;
    pen.fillStyle = ground;
    pen.strokeStyle = colour(i);
    pen.lineWidth = 2;
    pen.beginPath();
    pen.roundRect(x - 2, y - 2, side + 4, side + 4, 5);
    pen.fill();
    pen.imageSmoothingEnabled = image.naturalWidth > 48;
    pen.drawImage(image, x, y, side, side);
    pen.stroke();
    return true;
  }
  function ring(i, radius) {
    pen.strokeStyle = ink;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(sx(i), sy(i), radius, 0, 7);
    pen.stroke();
  }

  function nearest(x, y, reach) {
    let best = -1,
      far = reach * reach;
    for (let i = 0; i < n; i++) {
      const d = (sx(i) - x) ** 2 + (sy(i) - y) ** 2;
      if (d < far && colour(i)) {
        far = d;
        best = i;
      }
    }
    return best;
  }
  function tell(i) {
    if (i === focus) return;
    focus = i;
    onfocus(i, i < 0 ? 0 : sx(i), i < 0 ? 0 : sy(i), width, height);
    draw();
  }
  function zoom(by, x = width / 2, y = height / 2) {
    const next = Math.min(Math.max(view.scale * by, 0.5), 400),
      real = next / view.scale;
    view.x = x - width / 2 - (x - width / 2 - view.x) * real;
    view.y = y - height / 2 - (y - height / 2 - view.y) * real;
    view.scale = next;
    refocus();
  }
  function pan(x, y) {
    view.x += x;
    view.y += y;
    refocus();
  }
  function refocus() {
    if (focus >= 0) onfocus(focus, sx(focus), sy(focus), width, height);
    draw();
  }
  function reset() {
    Object.assign(view, { x: 0, y: 0, scale: 1 });
    refocus();
  }

  /* ---- pointers: one pans, two pinch ---- */
  const down = new Map();
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    moved = false;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event),
      was = down.get(event.pointerId);
    if (!was) return void (event.pointerType === "mouse" && tell(nearest(...now, 14)));
    if (down.size === 2) {
      const other = [...down.entries()].find(([id]) => id !== event.pointerId)[1];
      const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
      zoom(gap(now) / gap(was), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      moved = true;
    } else if (moved || Math.hypot(now[0] - was[0], now[1] - was[1]) > 3) {
      pan(now[0] - was[0], now[1] - was[1]);
      moved = true;
    } else return;
    down.set(event.pointerId, now);
  });
  const up = (event) => {
    if (!down.delete(event.pointerId) || moved || event.type !== "pointerup") return;
    const hit = nearest(...place(event), event.pointerType === "mouse" ? 14 : 24);
    // A finger looks first and goes with the second touch; a mouse has looked already.
    if (hit >= 0 && (event.pointerType === "mouse" || hit === focus)) onpick(hit);
    else tell(hit);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => {
    if (!down.size && document.activeElement !== canvas) tell(-1);
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...place(event));
    },
    { passive: false },
  );

  /* ---- keys: arrows go to the next point that way, with Shift they pan ---- */
  function step(dx, dy) {
    if (focus < 0) return tell(nearest(width / 2, height / 2, Infinity));
    const x = sx(focus),
      y = sy(focus);
    let best = -1,
      least = Infinity;
    for (let i = 0; i < n; i++) {
      if (i === focus || !colour(i)) continue;
      const ahead = (sx(i) - x) * dx + (sy(i) - y) * dy,
        aside = Math.abs((sx(i) - x) * dy) + Math.abs((sy(i) - y) * dx);
      if (ahead <= 0.5 || aside > ahead * 1.5 + 2) continue;
      const cost = ahead + 2 * aside;
      if (cost < least) {
        least = cost;
        best = i;
      }
    }
    if (best < 0) return;
    tell(best);
    const px = sx(best),
      py = sy(best);
    if (!inside(px, py, -24)) pan(width / 2 - px, height / 2 - py);
  }
  canvas.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const at = focus >= 0 ? [sx(focus), sy(focus)] : [];
    if (way && event.shiftKey) pan(-way[0] * 60, -way[1] * 60);
    else if (way) step(...way);
    else if (event.key === "+" || event.key === "=") zoom(1.4, ...at);
    else if (event.key === "-") zoom(1 / 1.4, ...at);
    else if (event.key === "0") reset();
    else if (event.key === "Enter" && focus >= 0) onpick(focus);
    else if (event.key === "Escape") tell(-1);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => tell(-1));

  const dress = () => {
    [ink, ground] = resolved(["var(--text)", "#fff"]);
    draw();
  };
  addEventListener("scheme", dress, { signal });
  const watcher = new ResizeObserver(() => {
    const box = canvas.getBoundingClientRect(),
      ratio = devicePixelRatio || 1;
    width = box.width;
    height = box.height;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    fit();
    draw();
  });
  bounds();
  watcher.observe(canvas);
  signal.addEventListener("abort", () => watcher.disconnect());
  dress();
  return { node: canvas, redraw: draw, reset, zoom };
}
