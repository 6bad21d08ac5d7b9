// Recommendations: for a user of the collection, with their reasons; or from examples.
import { json, collectionPath, itemPath, seg } from "./api.js";
import { el, clear, heading, panel, chip, empty, button, field, number, select, busy, say } from "./dom.js";
import { count, short, title, when } from "./format.js";
import { hitGrid, initials, thumb } from "./grid.js";
import { problemBox, jsonBox } from "./problems.js";
import { collectionChoice, noCollections, recall, remember } from "./state.js";

const sourceWords = {
  model: "by the model",
  similar: "by likeness to the history",
  popular: "what most users dealt with",
};

export async function show(root, ctx) {
  const choice = await collectionChoice(
    ctx,
    (c) => c.interactions > 0 || c.items > 0,
    () => {
      ctx.set({ collection: choice.value });
      open();
    },
  );
  root.append(
    heading(
      "Recommendations",
      "For a user, with the reasons; or from examples of what is liked and what is not.",
    ),
  );
  if (!choice.any) return void root.append(noCollections());
  const body = el("div", { class: "stack" });
  root.append(el("div", { class: "row ends" }, field("Collection", choice.node)), body);
  async function open() {
    const c = choice.collection,
      parts = [];
    if (c.interactions > 0) parts.push(await users(c, ctx));
    if (c.dimension > 0 && c.items > 0) parts.push(examples(c, ctx));
    clear(
      body,
      parts,
      c.interactions === 0 &&
        el(
          "p",
          { class: "hint" },
          "Nobody has dealt with items of this collection yet: ",
          el("code", {}, "POST /v1/collections/" + c.name + "/interactions"),
          " starts recommendations for users.",
        ),
    );
  }
  await open();
}

// An item wherever one is named: its picture if there is one, and what it is called.
function label(c, id) {
  return [
    c.items > 0 && c.keep_inputs && c.dimension
      ? thumb(c.name, id)
      : el("span", { class: "picture" }, el("span", { class: "nopicture" }, initials(id).slice(0, 5))),
    called(c, id),
  ];
}

const names = new Map();
// Its id, and as soon as it is known its name.
function called(c, id) {
  const node = el("span", { class: "label", title: id }, id),
    place = c.name + "/" + id;
  if (!c.items) return node;
  if (!names.has(place))
    names.set(
      place,
      json(itemPath(c.name, id)).then(
        (item) => title(item.metadata),
        () => "",
      ),
    );
  names.get(place).then((name) => {
    if (name) node.textContent = name;
  });
  return node;
}

async function users(c, ctx) {
  const user = el("input", {
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "id of a user",
      value: ctx.params.user || recall("user-" + c.name),
    }),
    k = number({ value: "10", min: "1", max: "100" });
  const left = el("div", { class: "stack" }),
    right = el("div", { class: "stack" });
  let stop = new AbortController();

  async function load() {
    stop.abort();
    stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, ctx.signal]);
    clear(right, busy());
    try {
      if (!user.value) {
        clear(left, el("p", { class: "dim" }, "Type a user to see the history."));
        const { results } = await json(collectionPath(c.name, "/popular"), { signal, query: { k: k.value } });
        return void clear(right, el("h3", {}, "Popular"), rows(results, { source: "popular" }));
      }
      remember("user-" + c.name, user.value);
      ctx.set({ collection: c.name, user: user.value });
      const base = collectionPath(c.name, "/users/" + seg(user.value));
      const [answer, past] = await Promise.all([
        json(base + "/recommendations", { signal, query: { k: k.value } }),
        json(base + "/history", { signal, query: { limit: 30 } }).catch((failure) => {
          if (failure.status === 404) return { interactions: [] };
          throw failure;
        }),
      ]);
      history(past);
      const list = el("div", { class: "stack" });
      clear(
        right,
        el(
          "p",
          { class: "row" },
          chip(sourceWords[answer.source] || answer.source, "accent"),
          c.recommender &&
            answer.source === "model" &&
            el("a", { href: "#/models?model=" + c.recommender }, c.recommender),
        ),
        list,
      );
      more(list, answer, signal);
    } catch (failure) {
      const box = problemBox(failure);
      if (box) clear(right, box);
    }
  }
  function more(list, answer, signal) {
    list.append(answer.results.length ? rows(answer.results, answer) : empty("Nothing more to recommend."));
    if (answer.next) {
      const next = button("Show more", async () => {
        next.remove();
        try {
          more(list, await json(answer.next, { signal }), signal);
        } catch (failure) {
          list.append(problemBox(failure));
        }
      });
      list.append(next);
    }
  }
  function history(past) {
    const list = past.interactions || [];
    clear(
      left,
      list.length
        ? el(
            "ul",
            { class: "past", role: "list", "aria-label": "History, newest first" },
            list.map((i) =>
              el(
                "li",
                { class: "example" },
                label(c, i.item),
                el(
                  "span",
                  { class: "dim small", title: when(i.at) },
                  (i.type ? i.type + " " : "") + (i.weight !== 1 ? short(i.weight) : ""),
                ),
              ),
            ),
          )
        : el("p", { class: "dim" }, "Nobody knows this user: the list comes from what others did."),
    );
    if (past.next_cursor) left.append(el("p", { class: "dim small" }, "The newest 30 are shown."));
  }
  function rows(results, answer) {
    return el(
      "ul",
      { class: "recs", role: "list", "aria-label": "Recommended, best first" },
      results.map((r) => {
        const row = el("li", { class: "rec" });
        const tell = (weight, word) => async () => {
          try {
            await json(collectionPath(c.name, "/interactions"), {
              json: [{ user: user.value, item: r.id, weight, recommendation_id: answer.recommendation_id }],
            });
            row.classList.add("taken");
            say(r.id + ": " + word);
            clear(row.lastElementChild, chip(word, weight > 0 ? "good" : "warn"));
          } catch (failure) {
            row.append(problemBox(failure));
          }
        };
        return clear(
          row,
          label(c, r.id)[0],
          el(
            "div",
            { class: "body" },
            el(
              "span",
              {},
              el("strong", { class: "wrap" }, called(c, r.id)),
              " ",
              el("span", { class: "dim small" }, "score " + short(r.score)),
            ),
            r.because?.length > 0 &&
              el(
                "span",
                { class: "because" },
                "because of ",
                r.because.map((b) =>
                  el(
                    "span",
                    { class: "reason", title: b.id + ": contribution " + short(b.contribution) },
                    label(c, b.id),
                  ),
                ),
              ),
          ),
          el(
            "span",
            { class: "row" },
            answer.recommendation_id &&
              user.value && [
                el(
                  "button",
                  { type: "button", "aria-label": "Take " + r.id, onclick: tell(1, "taken") },
                  "Take",
                ),
                el(
                  "button",
                  { type: "button", "aria-label": "Not this: " + r.id, onclick: tell(-1, "not for me") },
                  "Not this",
                ),
              ],
          ),
        );
      }),
    );
  }
  load();
  return panel(
    "For a user",
    el(
      "form",
      {
        class: "row ends",
        onsubmit: (event) => {
          event.preventDefault();
          load();
        },
      },
      field("User", user),
      field("Results", k),
      el("button", { type: "submit", class: "primary" }, "Recommend"),
      el(
        "span",
        { class: "dim small" },
        count(c.users) + " users, " + count(c.interactions) + " interactions",
      ),
    ),
    el("div", { class: "split" }, el("div", { class: "stack" }, el("h3", {}, "History"), left), right),
  );
}

function examples(c, ctx) {
  const chosen = { positive: [], negative: [] };
  if (ctx.params.like && (!ctx.params.collection || ctx.params.collection === c.name))
    chosen.positive.push(ctx.params.like);
  const strategy = select(
    [
      { value: "mean", label: "mean of the examples" },
      { value: "best_score", label: "nearest to any example" },
      { value: "weighted", label: "likeness to all of them" },
    ],
    { onchange: () => run() },
  );
  const filter = jsonBox("Only items that pass", { rows: 1, placeholder: '{"category": "Objects"}' });
  const id = el("input", { autocomplete: "off", spellcheck: "false", placeholder: "id of an item" });
  const lists = { positive: el("div", { class: "examples" }), negative: el("div", { class: "examples" }) };
  const out = el("div", { class: "stack" }),
    pool = el("div", { class: "stack" });
  let turn = 0,
    offset = null;

  function add(kind, item) {
    for (const k of ["positive", "negative"]) chosen[k] = chosen[k].filter((x) => x !== item);
    if (kind) chosen[kind].push(item);
    draw();
    run();
  }
  function draw() {
    for (const kind of ["positive", "negative"])
      clear(
        lists[kind],
        chosen[kind].length
          ? chosen[kind].map((item) =>
              el(
                "span",
                { class: "example" },
                label(c, item),
                el(
                  "button",
                  {
                    type: "button",
                    class: "quiet",
                    "aria-label": "Remove " + item,
                    onclick: () => add(null, item),
                  },
                  "×",
                ),
              ),
            )
          : el("span", { class: "dim small" }, kind === "positive" ? "none yet: choose below" : "none"),
      );
  }
  async function run() {
    const mine = ++turn;
    if (!chosen.positive.length) return void clear(out);
    try {
      const answer = await json(collectionPath(c.name, "/recommend"), {
        signal: ctx.signal,
        json: { ...chosen, strategy: strategy.value, k: 18, filter: filter.read(), on_missing: "skip" },
      });
      if (mine !== turn) return;
      clear(
        out,
        el("h3", {}, "Like these"),
        answer.missing?.length > 0 &&
          el("p", { class: "dim small" }, "Not stored: " + answer.missing.join(", ")),
        answer.results.length
          ? hitGrid({
              collection: c.name,
              hits: answer.results,
              label: "Recommended, best first",
              onpick: (hit) => add("positive", hit.id),
              note: (hit) =>
                hit.score !== undefined ? el("span", { class: "distance" }, short(hit.score)) : null,
            })
          : empty("Nothing passes."),
      );
    } catch (failure) {
      if (mine !== turn || failure.shown) return;
      if (!filter.fail(failure, "/filter")) clear(out, problemBox(failure));
    }
  }
  async function shelf() {
    try {
      const page = await json(collectionPath(c.name, "/items"), {
        signal: ctx.signal,
        query: { limit: 18, cursor: offset },
      });
      offset = page.next_cursor;
      clear(
        pool,
        hitGrid({
          collection: c.name,
          hits: page.items,
          label: "Items to choose from",
          onpick: (hit) => add("positive", hit.id),
        }),
        offset && button("Others", shelf),
      );
    } catch (failure) {
      const box = problemBox(failure);
      if (box) clear(pool, box);
    }
  }
  const take = (kind) => () => {
    if (id.value.trim()) {
      add(kind, id.value.trim());
      id.value = "";
    } else id.focus();
  };
  draw();
  run();
  shelf();
  return panel(
    "From examples",
    el(
      "div",
      { class: "halves" },
      el("div", { class: "stack" }, el("h3", {}, "Like"), lists.positive),
      el("div", { class: "stack" }, el("h3", {}, "Unlike"), lists.negative),
    ),
    el(
      "form",
      {
        class: "row ends",
        onsubmit: (event) => {
          event.preventDefault();
          take("positive")();
        },
      },
      field("Item", id),
      el("button", { type: "submit" }, "Like it"),
      button("Unlike it", take("negative")),
      field("Strategy", strategy),
    ),
    el(
      "details",
      {},
      el("summary", {}, "Filter"),
      el("div", { class: "stack" }, filter.node, el("div", {}, button("Apply", run))),
    ),
    out,
    el(
      "details",
      { open: chosen.positive.length === 0 },
      el("summary", {}, "Choose from the collection"),
      pool,
    ),
  );
}
