// CSV as people paste it: comma, semicolon or tab, quotes, with or without a line of names.

function split(text) {
  const first = text.slice(0, text.indexOf("\n") < 0 ? text.length : text.indexOf("\n"));
  const by = ["\t", ";", ","].map((s) => [s, first.split(s).length]).sort((a, b) => b[1] - a[1])[0][0];
  const lines = [];
  let line = [""],
    quoted = false;
  for (let i = 0; i < text.length; i++) {
    const ch = text[i];
    if (quoted) {
      if (ch === '"' && text[i + 1] === '"') {
        line[line.length - 1] += '"';
        i++;
      } else if (ch === '"') quoted = false;
      else line[line.length - 1] += ch;
    } else if (ch === '"' && line.at(-1) === "") quoted = true;
    else if (ch === by) line.push("");
    else if (ch === "\n") {
      lines.push(line);
      line = [""];
    } else if (ch !== "\r") line[line.length - 1] += ch;
  }
  lines.push(line);
  return lines.map((l) => l.map((c) => c.trim())).filter((l) => l.some(Boolean));
}

const missing = new Set(["", "NA", "N/A", "?", "nan", "NaN", "null"]);

// Rows by the names of the columns: {rows, unknown (names the model has not)}. Without a line of names the columns are
// taken in their order.
export function parse(text, columns) {
  const lines = split(text);
  if (!lines.length) throw new Error("There is nothing to take: paste some lines first.");
  const known = new Set(columns.map((c) => c.name));
  const named =
    lines[0].filter((cell) => known.has(cell)).length >=
    Math.max(1, Math.min(lines[0].length, columns.length) / 2);
  const names = named ? lines[0] : columns.map((c) => c.name);
  const rows = lines
    .slice(named ? 1 : 0)
    .map((line) =>
      Object.fromEntries(
        line.map((cell, i) => [names[i], missing.has(cell) ? "" : cell]).filter(([name]) => known.has(name)),
      ),
    );
  return { rows, unknown: named ? names.filter((n) => n && !known.has(n)) : [] };
}

// A row as the service takes it: numbers as numbers, holes null, words as they are.
export function castRow(row, columns) {
  const out = {};
  for (const c of columns) {
    const value = row[c.name];
    if (value === undefined || value === null || value === "") out[c.name] = null;
    else if (c.categories) out[c.name] = c.categories.find((w) => String(w) === String(value)) ?? value;
    else if (c.type === "date") out[c.name] = String(value);
    else out[c.name] = Number.isFinite(Number(value)) ? Number(value) : value;
  }
  return out;
}

export function print(columns, rows) {
  const cell = (v) =>
    v === null || v === undefined
      ? ""
      : /[",\n]/.test(String(v))
        ? '"' + String(v).replaceAll('"', '""') + '"'
        : String(v);
  return (
    [columns.map((c) => cell(c.name)), ...rows.map((row) => columns.map((c) => cell(row[c.name])))]
      .map((l) => l.join(","))
      .join("\n") + "\n"
  );
}
