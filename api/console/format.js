// Numbers, sizes and times as people read them.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (n) => (n === undefined || n === null ? "–" : grouped.format(n));

// Four significant digits, no trailing zeroes.
export function short(x, digits = 4) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4)
    return x
      .toExponential(2)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  if (size >= 10 ** digits) return grouped.format(x);
  return String(Number(x.toPrecision(digits)));
}

// A format for numbers that stand beside each other: as many decimals for each as the largest needs.
export function alike(values) {
  const most = Math.max(...values.map(Math.abs), 0);
  if (!(most >= 1e-3 && most < 1e4)) return short;
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(most)));
  return (x) => (Number.isFinite(x) ? x.toFixed(decimals) : "–");
}

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return (unit && n < 100 ? n.toFixed(1) : Math.round(n)) + " " + units[unit];
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1e-3) return (seconds * 1e6).toFixed(0) + " µs";
  if (seconds < 1) return short(seconds * 1e3, 3) + " ms";
  if (seconds < 60) return short(seconds, 3) + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min " + Math.round(seconds % 60) + " s";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.round((seconds % 3600) / 60) + " min";
  return Math.floor(seconds / 86400) + " d " + Math.round((seconds % 86400) / 3600) + " h";
}

export const percent = (share, digits = 3) => Number((share * 100).toPrecision(digits)) + " %";

export function when(text) {
  if (!text) return "–";
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export const plain = (value) =>
  value === null || value === undefined
    ? ""
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);

// What an item is called: the first text of its metadata that looks like a name.
export function title(metadata) {
  if (!metadata) return "";
  for (const key of ["name", "title", "label", "caption"])
    if (typeof metadata[key] === "string")
      return metadata[key].toLowerCase() === metadata[key].toUpperCase()
        ? metadata[key]
        : calm(metadata[key]);
  const text = Object.values(metadata).find((v) => typeof v === "string");
  return text ? calm(text) : "";
}

// What else its metadata says, as [name, text]: what it is called is not said twice.
export const details = (metadata) =>
  Object.entries(metadata || {})
    .map(([k, v]) => [k, plain(v)])
    .filter(([, v]) => v.toLowerCase() !== title(metadata).toLowerCase());

// CAPITALS are shouting in a list of many.
const calm = (text) =>
  text.length > 2 && text === text.toUpperCase() ? text[0] + text.slice(1).toLowerCase() : text;

// JSON over several lines only where it is long: short lists and objects stay on one.
export function pretty(value, width = 68, indent = "") {
  const flat =
    JSON.stringify(value, null, 1)
      ?.replace(/\n\s*/g, " ")
      .replace(/([[{]) | ([\]}])/g, "$1$2") ?? "null";
  if (value === null || typeof value !== "object" || flat.length + indent.length <= width) return flat;
  const inner = indent + "  ",
    isList = Array.isArray(value);
  const parts = isList
    ? value.map((v) => inner + pretty(v, width, inner))
    : Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([k, v]) => inner + JSON.stringify(k) + ": " + pretty(v, width - k.length - 4, inner));
  return (isList ? "[" : "{") + "\n" + parts.join(",\n") + "\n" + indent + (isList ? "]" : "}");
}
