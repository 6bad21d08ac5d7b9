// The shell: which view the address names, the menu, the scheme, the key, the light of health. A view is a module with
// show(root, ctx); ctx has params (of the address), signal (aborted when the view goes), go(view, params) and
// set(params), which changes the address in place. What show returns is called when the address of the same view changes;
// false of it opens the view anew.
import { Problem, ask, json, key, setKey, onUnauthorised } from "./api.js";
import { address, el, svg, clear, busy, say } from "./dom.js";
import { problemBox } from "./problems.js";
import { forget } from "./state.js";

const views = [
  ["search", "Search", "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.5 10.5 14 14"],
  ["map", "Map", "M2 2v12h12M5 10.5h.01M7 6.5h.01M9.5 9h.01M12 4.5h.01M11 12h.01"],
  ["models", "Models", "M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6"],
  ["training", "Training", "M2 2v12h12M4 4c1 5 3 7 9.5 7.5"],
  ["tables", "Tables", "M2 3h12v10H2zM2 6.5h12M2 9.8h12M6 3v10"],
  ["anomalies", "Anomalies", "M8 2 14.5 13.5h-13zM8 6.5v3M8 11.6h.01"],
  [
    "recommend",
    "Recommendations",
    "M8 13.5C1.5 9 2 4.5 4.8 3.6 6.8 3 8 5 8 5s1.2-2 3.2-1.4C14 4.5 14.5 9 8 13.5z",
  ],
  ["generate", "Generation", "M8 2l1.5 4.5L14 8l-4.5 1.5L8 14l-1.5-4.5L2 8l4.5-1.5z"],
  ["operations", "Operations", "M1.5 9h3l2-6 3 10 2-4h3"],
];

const main = document.getElementById("main");
const nav = document.getElementById("nav");
let current = { name: "", leave: null, changed: null };

function parse() {
  const [, name = "search", query = ""] = location.hash.match(/^#\/([a-z]*)\??(.*)$/) || [];
  return {
    name: views.some(([v]) => v === name) ? name : "search",
    params: Object.fromEntries(new URLSearchParams(query)),
  };
}

async function open(focus) {
  const { name, params } = parse();
  if (name === current.name && current.changed && current.changed(params) !== false) return;
  const [, title] = views.find(([v]) => v === name);
  current.leave?.abort();
  const leave = new AbortController();
  current = { name, leave, changed: null };
  document.title = title + " · latentd";
  for (const link of nav.querySelectorAll("a")) {
    if (link.hash === "#/" + name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  forget();
  const root = el("div", { class: "view view-" + name });
  clear(main, root).scrollTop = 0;
  scrollTo(0, 0);
  root.append(busy());
  const ctx = {
    params,
    signal: leave.signal,
    go: (view, to) => {
      location.hash = address(view, to);
    },
    set: (to) => {
      ctx.params = to;
      history.replaceState(null, "", address(name, to));
    },
  };
  try {
    const module = await import("./view_" + name + ".js").catch(() => {
      throw new Problem(0, { code: "not_loaded", detail: "The server does not answer. Is it running?" });
    });
    if (leave.signal.aborted) return;
    const changed = await module.show(root, ctx);
    if (leave.signal.aborted) return;
    if (typeof changed === "function")
      current.changed = (to) => {
        ctx.params = to;
        return changed(to);
      };
  } catch (failure) {
    const box = problemBox(failure);
    if (box && !leave.signal.aborted)
      clear(
        root,
        el("h1", { tabIndex: -1 }, title),
        box,
        el(
          "button",
          {
            type: "button",
            onclick: () => {
              // A browser may remember that a file could not be had.
              if (failure.code === "not_loaded") return location.reload();
              current.name = "";
              open(false);
            },
          },
          "Try again",
        ),
      );
  }
  root.querySelector(".busy")?.remove();
  if (focus) root.querySelector("h1")?.focus({ preventScroll: true });
}

/* ---- the menu ---- */

const menu = document.querySelector("button.menu");
function unfold(on) {
  menu.setAttribute("aria-expanded", String(on));
  document.body.classList.toggle("unfolded", on);
}
for (const [name, title, path] of views)
  nav.append(
    el(
      "a",
      { href: "#/" + name },
      svg(
        "svg",
        { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: "icon" },
        svg("path", { d: path }),
      ),
      title,
    ),
  );
menu.addEventListener("click", () => unfold(menu.getAttribute("aria-expanded") !== "true"));
nav.addEventListener("click", () => unfold(false));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("unfolded")) {
    unfold(false);
    menu.focus();
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

/* ---- light and dark ---- */

const scheme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
function showScheme() {
  scheme.textContent = isDark() ? "Light" : "Dark";
  scheme.setAttribute("aria-label", "Switch to " + (isDark() ? "light" : "dark") + " colours");
  dispatchEvent(new Event("scheme"));
}
scheme.addEventListener("click", () => {
  const next = isDark() ? "light" : "dark";
  // The system's own choice needs no memory.
  if (next === (dark.matches ? "dark" : "light")) {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("latentd-theme");
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem("latentd-theme", next);
  }
  showScheme();
});
dark.addEventListener("change", showScheme);
showScheme();

/* ---- the key ---- */

const dialog = document.getElementById("signin");
const input = document.getElementById("signin-key");
function signIn(problem) {
  document.getElementById("signin-why").textContent = problem
    ? key()
      ? problem.message
      : "Who runs it has one for you, made with latentd keys or given as a setting."
    : key()
      ? "A key is set. Type another one, or nothing to forget it."
      : "With a key of the server, what needs one can be used.";
  document.getElementById("signin-title").textContent = problem ? "This server wants a key" : "API key";
  input.required = Boolean(problem);
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const taken = dialog.returnValue === "use";
        if (taken) {
          setKey(input.value.trim());
          forget();
          showKey();
        }
        input.value = "";
        resolve(taken && Boolean(key()));
      },
      { once: true },
    );
  });
}
dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  dialog.close("use");
});
document.getElementById("signin-cancel").addEventListener("click", () => dialog.close(""));
const keyButton = document.getElementById("key");
function showKey() {
  keyButton.textContent = key() ? "Key set" : "Key";
  keyButton.setAttribute("aria-label", key() ? "API key is set: change it" : "Set an API key");
}
keyButton.addEventListener("click", async () => {
  const before = key();
  await signIn(null);
  if (key() !== before) {
    current.name = "";
    open(false);
  }
});
onUnauthorised(signIn);
showKey();

/* ---- files dropped: views take them, the page stays ---- */

for (const name of ["dragover", "drop"])
  addEventListener(name, (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });

/* ---- health ---- */

const health = document.getElementById("health");
let last = "";
async function pulse() {
  if (document.hidden) return;
  let state = "ready";
  try {
    state = (await json("/readyz", { quiet: true })).status;
  } catch (failure) {
    state = failure.status ? failure.message : "no answer";
  }
  health.classList.toggle("good", state === "ready");
  health.classList.toggle("bad", state !== "ready");
  health.lastElementChild.textContent = state;
  if (last && last !== state) say("The server: " + state);
  last = state;
}
setInterval(pulse, 5000);
pulse();
ask("/v1/info", { quiet: true })
  .then((reply) => reply.json())
  .then(
    (info) => {
      health.title = "latentd " + info.version;
    },
    () => {},
  );

addEventListener("hashchange", () => open(true));
open(false);
