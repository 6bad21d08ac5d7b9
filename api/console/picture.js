// Pictures of the service. An <img> cannot send a key: with one, the bytes are fetched and shown from memory, no more
// than eight at a time and only what comes near the screen; without one the browser does all of it by itself.
import { ask, key } from "./api.js";
import { el } from "./dom.js";

const KEPT = 600,
  AT_ONCE = 8;
const kept = new Map(); // path → object URL, the least recent first
const queue = [];
let running = 0;

function pump() {
  while (running < AT_ONCE && queue.length) {
    const { path, resolve, reject } = queue.shift();
    running++;
    ask(path, { accept: "image/*" })
      .then((reply) => reply.blob())
      .then((blob) => {
        const url = URL.createObjectURL(blob);
        kept.set(path, url);
        if (kept.size > KEPT) {
          const [oldest, gone] = kept.entries().next().value;
          kept.delete(oldest);
          URL.revokeObjectURL(gone);
        }
        resolve(url);
      })
      .catch(reject)
      .finally(() => {
        running--;
        pump();
      });
  }
}

// Something an <img> can show.
function source(path) {
  if (!key() || path.startsWith("blob:") || path.startsWith("data:")) return Promise.resolve(path);
  if (kept.has(path)) {
    const url = kept.get(path);
    kept.delete(path);
    kept.set(path, url);
    return Promise.resolve(url);
  }
  return new Promise((resolve, reject) => {
    queue.push({ path, resolve, reject });
    pump();
  });
}

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries)
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        entry.target.start();
      }
  },
  { rootMargin: "300px" },
);

// A square with the picture at `path`, or with `instead` (a short text) where there is none.
export function picture(path, { alt = "", instead = "no picture", large = false } = {}) {
  const img = el("img", { alt, loading: large ? "eager" : "lazy", decoding: "async", draggable: "false" });
  const frame = el("span", { class: "picture" }, img);
  const fail = () =>
    frame.replaceChildren(
      el("span", { class: "nopicture", "aria-hidden": alt ? undefined : "true" }, instead),
    );
  img.addEventListener("error", fail);
  img.addEventListener("load", () => {
    if (img.naturalWidth <= 48) img.classList.add("tiny");
  });
  if (!key()) img.src = path;
  else if (large)
    source(path).then((url) => {
      img.src = url;
    }, fail);
  else {
    img.start = () =>
      source(path).then((url) => {
        img.src = url;
      }, fail);
    near.observe(img);
  }
  return frame;
}

// An image that can be drawn on a canvas, or null.
export function loadImage(path) {
  return source(path).then(
    (url) =>
      new Promise((resolve) => {
        const image = new Image();
        image.onload = () => resolve(image);
        image.onerror = () => resolve(null);
        image.src = url;
      }),
    () => null,
  );
}

// The pixels of an image, cut to `width` by `height` as the models see it, on white.
export function pixels(image, width, height) {
  const canvas = el("canvas", { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}

export const dataPng = (base64) => "data:image/png;base64," + base64;

// A box to choose a picture with: calls onpicture(file). Dropping and pasting work anywhere while `signal` lasts; a file
// that misses the box must not take the page away.
export function dropBox({ onpicture, signal, label = "Drop a picture", hint = "or click, or paste one" }) {
  const input = el("input", { type: "file", accept: "image/*", hidden: true, tabIndex: -1 });
  const box = el(
    "button",
    { type: "button", class: "drop" },
    el("strong", {}, label),
    el("span", { class: "dim" }, hint),
  );
  box.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files[0]) onpicture(input.files[0]);
    input.value = "";
  });
  const shown = () => box.offsetParent !== null;
  document.addEventListener(
    "dragover",
    (event) => {
      if (event.dataTransfer.types.includes("Files")) box.classList.add("over");
    },
    { signal },
  );
  for (const end of ["dragleave", "drop"])
    document.addEventListener(
      end,
      (event) => {
        if (end === "drop" || !event.relatedTarget) box.classList.remove("over");
      },
      { signal },
    );
  document.addEventListener(
    "drop",
    (event) => {
      if (event.dataTransfer.files[0] && shown()) onpicture(event.dataTransfer.files[0]);
    },
    { signal },
  );
  document.addEventListener(
    "paste",
    (event) => {
      const file = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
      if (file && shown()) {
        event.preventDefault();
        onpicture(file);
      }
    },
    { signal },
  );
  return el("div", { class: "dropbox" }, box, input);
}
