// Points on a canvas: zoom and pan by wheel, touch, mouse and keys; the point under the pointer or the keys is told.
// Zoomed in far enough, points become their pictures. Tens of thousands move with the hand: their discs are one frame of
// pixels (dots.js), made again only when the view or the colours change.
import { el, framed } from "./dom.js";
import { frame, resolved } from "./dots.js";
import { loadImage } from "./picture.js";

const PICTURES = 140,
  FARTHEST = 400;

// options: n, xy (Float32Array 2n), path(i) → of its picture, or null; onfocus(i or -1, x, y, width, height), onpick(i),
// onseen(how many are in view), signal, label. Returns {node, paint(look), reset(), zoom(by)}; look: {of (Uint8Array n:
// the colour of each), colours (CSS), hidden (set of colours not shown)}.
export function scatter({ n, xy, path, onfocus, onpick, onseen, signal, label }) {
  const canvas = el("canvas", {
    tabIndex: 0,
    role: "application",
    "aria-roledescription": "map of points",
    "aria-label": label,
  });
  const pen = canvas.getContext("2d");
  const view = { x: 0, y: 0, scale: 1 };
  const images = new Map(); // i → Image, null (none) or undefined (on its way)
  const points = frame(pen),
    seen = new Uint32Array(n);
  let look = { of: new Uint8Array(n), colours: ["#888"], hidden: new Set() },
    inks = [],
    focus = -1,
    inView = 0,
    width = 0,
    height = 0,
    base,
    middle,
    size,
    text,
    panel,
    stale = true,
    moved = false;

  function bounds() {
    const low = [Infinity, Infinity],
      high = [-Infinity, -Infinity];
    for (let i = 0; i < 2 * n; i++) {
      low[i & 1] = Math.min(low[i & 1], xy[i]);
      high[i & 1] = Math.max(high[i & 1], xy[i]);
    }
    middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    size = [high[0] - low[0] || 1, high[1] - low[1] || 1];
  }
  const fit = () => {
    base = Math.min((width - 48) / size[0], (height - 48) / size[1]);
  };
  const sx = (i) => width / 2 + (xy[2 * i] - middle[0]) * base * view.scale + view.x;
  const sy = (i) => height / 2 - (xy[2 * i + 1] - middle[1]) * base * view.scale + view.y;
  const inside = (x, y, by = 0) => x > -by && y > -by && x < width + by && y < height + by;
  const isHidden = (i) => look.hidden.has(look.of[i]);
  // The more there are, the smaller; the nearer, the larger.
  const radius = () => Math.min(7, Math.max(1.4, 3 * Math.min(1, (3000 / n) ** 0.25) * view.scale ** 0.3));

  const draw = framed(() => {
    if (signal.aborted || !width) return;
    const ratio = devicePixelRatio || 1;
    if (stale) gather(ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    points.show();
    const asPictures = path && inView <= PICTURES && inView < n;
    const side = Math.min(52, Math.max(22, Math.sqrt((width * height) / (inView + 1)) * 0.42));
    if (asPictures) for (let k = 0; k < inView; k++) drawPicture(seen[k], side);
    if (focus >= 0) ring(focus, asPictures && images.get(focus) ? side * 0.72 : radius() + 4);
  });
  // What is in view, as discs.
  function gather(ratio) {
    points.fill(canvas.width, canvas.height, panel, radius() * ratio, n > 3000 ? 0.72 : 0.85);
    inView = 0;
    for (let i = 0; i < n; i++) {
      const x = sx(i),
        y = sy(i);
      if (!inside(x, y, 30) || isHidden(i)) continue;
      seen[inView++] = i;
      points.disc(x * ratio, y * ratio, inks[look.of[i]]);
    }
    stale = false;
    onseen?.(inView);
  }
  function again() {
    stale = true;
    draw();
  }
  function drawPicture(i, side) {
    if (!images.has(i)) {
      images.set(i, undefined);
      loadImage(path(i)).then((image) => {
        images.set(i, image);
        draw();
      });
    }
    const image = images.get(i);
    if (!image) return;
    const x = sx(i) - side / 2,
      y = sy(i) - side / 2;
    pen.fillStyle = "#fff";
    pen.strokeStyle = look.colours[look.of[i]];
    pen.lineWidth = 2;
    pen.beginPath();
    pen.roundRect(x - 2, y - 2, side + 4, side + 4, 5);
    pen.fill();
    pen.imageSmoothingEnabled = image.naturalWidth > 48;
    pen.drawImage(image, x, y, side, side);
    pen.stroke();
  }
  function ring(i, far) {
    pen.strokeStyle = `rgb(${text})`;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(sx(i), sy(i), far, 0, 7);
    pen.stroke();
  }

  function nearest(x, y, reach) {
    let best = -1,
      far = reach * reach;
    for (let i = 0; i < n; i++) {
      const d = (sx(i) - x) ** 2 + (sy(i) - y) ** 2;
      if (d < far && !isHidden(i)) {
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
    const next = Math.min(Math.max(view.scale * by, 0.5), FARTHEST),
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
  // What is told of a point goes with it, and away where it is out of view.
  function refocus() {
    if (focus >= 0) onfocus(inside(sx(focus), sy(focus)) ? focus : -1, sx(focus), sy(focus), width, height);
    again();
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
      if (i === focus || isHidden(i)) continue;
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
    [text, panel, ...inks] = resolved(["var(--text)", "var(--panel)", ...look.colours]);
    again();
  };
  addEventListener("scheme", dress, { signal });
  const watcher = new ResizeObserver(() => {
    const box = canvas.getBoundingClientRect(),
      ratio = devicePixelRatio || 1;
    width = box.width;
    height = box.height;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    fit();
    again();
  });
  bounds();
  watcher.observe(canvas);
  signal.addEventListener("abort", () => watcher.disconnect());
  dress();
  return {
    node: canvas,
    paint(next) {
      look = next;
      dress();
    },
    reset,
    zoom,
  };
}
