// Recommendations: for a user of the collection, with their reasons; or from examples.
import { json, collectionPath, modelPath, seg } from "./api.js";
import {
  address,
  el,
  clear,
  heading,
  panel,
  chip,
  empty,
  button,
  field,
  number,
  busy,
  say,
  latest,
} from "./dom.js";
import { count, short, when } from "./format.js";
import { examples } from "./examples.js";
import { label } from "./named.js";
import { problemBox } from "./problems.js";
import { collectionChoice, collections, noCollections, recall, remember } from "./state.js";

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
  if (!choice.any)
    return void root.append(
      (await collections()).length ? empty("No collection has items or interactions yet.") : noCollections(),
    );
  const body = el("div", { class: "stack" });
  root.append(el("div", { class: "row ends" }, field("Collection", choice.node)), body);
  async function open() {
    const c = choice.collection,
      parts = [];
    if (c.interactions > 0) parts.push(await users(c, ctx));
    // Who comes with an example looks for the likes of it.
    if (c.dimension > 0 && c.items > 0) parts[ctx.params.like ? "unshift" : "push"](examples(c, ctx));
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
  const made = el("input", {
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "ids of items, with commas",
  });
  const again = latest(ctx.signal);

  const fresh = () => {
    clear(right, busy());
    return again();
  };
  const failed = (failure) => {
    const box = problemBox(failure);
    if (box) clear(right, box);
  };
  // Somebody who is not stored: nothing is kept of this.
  async function suppose() {
    const history = made.value.split(",").map((id) => id.trim());
    if (!history.some(Boolean)) return made.focus();
    const signal = fresh();
    clear(left);
    try {
      const answer = await json(modelPath(c.recommender, "/recommend"), {
        signal,
        json: { history: history.filter(Boolean), k: Number(k.value) || 10, collection: c.name },
      });
      clear(
        right,
        el("p", { class: "row" }, source({ source: "model" })),
        answer.results.length ? rows(answer.results, {}) : empty("Nothing to recommend."),
      );
    } catch (failure) {
      failed(failure);
    }
  }
  const source = (answer) => [
    chip(sourceWords[answer.source] || answer.source, "accent"),
    c.recommender &&
      answer.source === "model" &&
      el("a", { href: address("models", { model: c.recommender }) }, c.recommender),
  ];

  async function load() {
    const signal = fresh();
    try {
      if (!user.value) {
        clear(left);
        if (ctx.params.user) ctx.set({ collection: c.name });
        const { results } = await json(collectionPath(c.name, "/popular"), { signal, query: { k: k.value } });
        if (!made.value)
          made.value = results
            .slice(1, 4)
            .map((r) => r.id)
            .join(", ");
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
      clear(right, el("p", { class: "row" }, source(answer)), list);
      more(list, answer, signal);
    } catch (failure) {
      failed(failure);
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
      el("h3", {}, "History"),
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
      past.next_cursor && el("p", { class: "dim small" }, "The newest 30 are shown."),
    );
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
        const [picture, name] = label(c, r.id);
        return clear(
          row,
          picture,
          el(
            "div",
            { class: "body" },
            el(
              "span",
              {},
              el("strong", { class: "wrap" }, name),
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
    c.recommender &&
      el(
        "form",
        {
          class: "row ends",
          onsubmit: (event) => {
            event.preventDefault();
            suppose();
          },
        },
        el("div", { class: "grow" }, field("Or for somebody who has", made)),
        el("button", { type: "submit" }, "Suppose"),
      ),
    el("div", { class: "split past-first" }, left, right),
  );
}
