// A failure as people can use it: what was wrong, where, what was expected and what came.
import { Problem } from "./api.js";
import { el, say } from "./dom.js";

// The [start, end) of the value that a JSON pointer names in a text, or null. The text need not be valid behind it.
function locate(text, pointer) {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));
  let at = 0;
  const space = () => {
    while (/\s/.test(text[at] || "")) at++;
  };
  const string = () => {
    const start = at++;
    while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    at++;
    return text.slice(start, at);
  };
  const skip = () => {
    space();
    if (text[at] === '"') return void string();
    if (text[at] !== "{" && text[at] !== "[") {
      while (at < text.length && !/[,\]}\s]/.test(text[at])) at++;
      return;
    }
    for (let depth = 0; at < text.length;) {
      if (text[at] === '"') {
        string();
        continue;
      }
      if (text[at] === "{" || text[at] === "[") depth++;
      if (text[at] === "}" || text[at] === "]") depth--;
      at++;
      if (!depth) return;
    }
  };
  const enter = (wanted) => {
    space();
    const isObject = text[at] === "{";
    if (!isObject && text[at] !== "[") return null;
    at++;
    for (let index = 0; at < text.length; index++) {
      space();
      if (text[at] === "}" || text[at] === "]") return null;
      const start = at;
      let name = String(index);
      if (isObject) {
        try {
          name = JSON.parse(string());
        } catch {
          return null;
        }
        space();
        if (text[at++] !== ":") return null;
      }
      space();
      if (name === wanted) return start;
      skip();
      space();
      if (text[at] !== ",") return null;
      at++;
    }
    return null;
  };
  let start = 0;
  for (const step of steps) {
    start = enter(step);
    if (start === null) return null;
  }
  skip();
  return at > start ? [start, at] : null;
}

const words = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function fault(error) {
  return el(
    "li",
    {},
    error.pointer && el("code", { class: "pointer" }, error.pointer),
    " ",
    error.detail,
    (error.expected !== undefined || error.got !== undefined) &&
      el(
        "span",
        { class: "dim" },
        error.expected !== undefined && [" Expected ", el("code", {}, words(error.expected))],
        error.got !== undefined && [
          error.expected !== undefined ? ", got " : " Got ",
          el("code", {}, words(error.got)),
        ],
        ".",
      ),
  );
}

const titles = {
  0: "No answer",
  401: "A key is needed",
  403: "This key may not do that",
  404: "Not there",
  413: "Too large",
  429: "Too many requests at once",
  503: "Not ready",
  507: "The disk is full",
};

// A box for any error thrown; aborted requests have none (null).
export function problemBox(error) {
  if (error.name === "AbortError") return null;
  const isProblem = error instanceof Problem;
  if (!isProblem) console.error(error);
  const title = isProblem ? titles[error.status] || error.title || "That did not work" : "That did not work";
  // What the message says already is not said again.
  const many = error.errors?.filter((e) => e.expected !== undefined || e.detail !== error.message) || [];
  say(title + ": " + error.message);
  return el(
    "div",
    { class: "problem", role: "group", "aria-label": "Problem" },
    el("p", {}, el("strong", {}, title + ". "), error.message),
    many.length > 0 && el("ul", {}, many.slice(0, 8).map(fault)),
    error.requestId &&
      el(
        "p",
        { class: "dim small" },
        el("code", {}, error.code),
        " · request ",
        el("code", {}, error.requestId),
      ),
  );
}

// Whether the server simply has no such route (an older version).
export const notOffered = (error) =>
  error instanceof Problem && (error.code === "route_not_found" || error.code === "method_not_allowed");

// A textarea for JSON which says what is wrong at its place: {node, input, read(), fail(error, root)}.
export function jsonBox(label, { value = "", rows = 3, hint, placeholder } = {}) {
  const id = "json-" + label.toLowerCase().replace(/\W+/g, "-");
  const note = el("div", { id: id + "-note", class: "fault", "aria-live": "polite" });
  const input = el("textarea", {
    id,
    rows,
    spellcheck: "false",
    autocomplete: "off",
    class: "mono",
    placeholder,
    value,
    "aria-describedby": hint ? id + "-hint " + id + "-note" : id + "-note",
  });
  const node = el(
    "div",
    { class: "field" },
    el("label", { htmlFor: id }, label),
    input,
    note,
    hint && el("p", { class: "hint", id: id + "-hint" }, hint),
  );
  const good = () => {
    note.replaceChildren();
    input.removeAttribute("aria-invalid");
  };
  function bad(message, place, pointer, error) {
    input.setAttribute("aria-invalid", "true");
    const shown = place && place[1] > place[0];
    note.replaceChildren(el("p", {}, pointer && [el("code", { class: "pointer" }, pointer), " "], message));
    if (shown) {
      const text = input.value,
        from = Math.max(0, place[0] - 18);
      note.append(
        el(
          "pre",
          { "aria-hidden": "true" },
          text.slice(from, place[0]).replace(/\s+/g, " "),
          el("mark", {}, text.slice(place[0], place[1]).slice(0, 60)),
          text.slice(place[1], place[1] + 18).replace(/\s+/g, " "),
        ),
      );
    }
    if (error?.expected !== undefined)
      note.append(
        el(
          "p",
          { class: "dim" },
          "Expected ",
          el("code", {}, words(error.expected)),
          error.got !== undefined && [", got ", el("code", {}, words(error.got))],
        ),
      );
    say(message);
  }
  input.addEventListener("input", good);
  return {
    node,
    input,
    // The value, undefined when empty. Throws what `fail` has already shown: an Error with `shown`.
    read() {
      good();
      if (!input.value.trim()) return undefined;
      try {
        return JSON.parse(input.value);
      } catch (failure) {
        const at = Number(failure.message.match(/position (\d+)/)?.[1] ?? input.value.length);
        bad(
          "This is not JSON: " +
            failure.message
              .replace(/^.*?(Unexpected|Expected|Bad|Unterminated)/, "$1")
              .replace(/, \.\.\..* is not valid JSON| in JSON at position.*/, "")
              .toLowerCase() +
            " (character " +
            (at + 1) +
            ").",
          [at, Math.min(at + 1, input.value.length)],
        );
        throw Object.assign(new Error(failure.message), { shown: true });
      }
    },
    // Shows a problem here when it is about what stands below `root` of the request; whether it was.
    fail(error, root) {
      const mine = error.errors?.find((e) => e.pointer === root || e.pointer?.startsWith(root + "/"));
      if (!mine) return false;
      const pointer = mine.pointer.slice(root.length);
      bad(mine.detail, locate(input.value, pointer), mine.pointer, mine);
      return true;
    },
    good,
  };
}
