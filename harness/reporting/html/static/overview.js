// ----------------------------------------------------------------------------------------- what changed, what is required

const FIRST_CHANGES = 6;

function changeCard(change) {
  const entry = DATA.evaluations.findIndex((each) => each.set === change.set && each.metric === change.metric);
  const open = () => {
    const place = casesOf(entry).find((each) => each.index === change.case);
    if (place) openCase(place, [place]);
  };
  const both = change.has_baseline && change.baseline !== null && change.candidate !== null;
  const [before, after] = both
    ? compared(change.baseline, change.candidate, change)
    : [change.baseline, change.candidate].map((text) => (text === null ? null : prose([[text, false]])));
  const side = (name, answer, reason) =>
    answer || reason
      ? element(
          "div",
          { class: "side" },
          element("h4", {}, name),
          answer,
          reason ? element("p", { class: "why", dir: "auto" }, visible(reason)) : null,
        )
      : null;
  return element(
    "article",
    {
      class: "card change",
      "data-words": `${change.id} ${change.baseline ?? ""} ${change.candidate ?? ""}`.toLowerCase(),
    },
    element(
      "h3",
      {},
      element(
        "button",
        { class: "stop plain", type: "button", click: open, disabled: entry < 0 || change.case < 0 },
        element("span", { dir: "auto" }, visible(change.id)),
      ),
      element("span", { class: "scores" }, change.scores.replace("->", "→")),
      entry < 0 ? null : element("span", { class: "soft", dir: "auto" }, visible(DATA.evaluations[entry].name)),
    ),
    change.asked.length ? asked(change.asked) : null,
    change.expected ? expectedShown(change.expected) : null,
    element(
      "div",
      { class: "sides" },
      change.has_baseline ? side("baseline", before, change.baseline_reason) : null,
      side("candidate", after, change.candidate_reason),
    ),
  );
}

let changeCards = null;

/** The changes that the filter leaves, the first few of them at once. */
function showChanges(number = FIRST_CHANGES) {
  changeCards ??= DATA.changes.map(changeCard);
  const kept = changeCards.filter(
    ({ dataset }) =>
      !filter.words || dataset.words.includes(filter.words),
  );
  $("changed").hidden = !kept.length;
  $("changes").replaceChildren(...kept.slice(0, number));
  if (kept.length <= number) return;
  const more = element(
    "button",
    { class: "act", type: "button", click: () => showChanges(kept.length) },
    `${kept.length - number} more`,
  );
  $("changes").append(element("p", { class: "rest" }, more));
}

/** What the changes are: of two versions, or of one. */
function titleChanges() {
  const hasBaseline = DATA.changes.some((change) => change.has_baseline);
  if (!hasBaseline) $("changed-title").textContent = "Worst cases";
  $("changed-note").textContent = hasBaseline
    ? `The cases to look at, with an answer of each version: the baseline's best and the candidate's worst. ${DIFFERENCES}`
    : "The cases to look at, with the candidate's worst answer.";
}

function showRequirements() {
  const named = DATA.requirements.filter((each) => each.text !== null);
  $("requirements").hidden = !named.length;
  const line = (each) =>
    element(
      "tr",
      {},
      element("td", {}, each.kind),
      element(
        "th",
        { scope: "row", dir: "auto" },
        each.text === null ? element("span", { class: "soft" }, "no requirement named") : visible(each.text),
      ),
      element("td", {}, ...each.evaluations.map((number) => evaluationLink(number))),
      element("td", {}, chip(each.verdict)),
    );
  $("matrix").replaceChildren(
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...["kind", "requirement", "evaluations", "verdict"].map((title) => element("th", { scope: "col" }, title)),
        ),
      ),
      element("tbody", {}, ...DATA.requirements.map(line)),
    ),
  );
}

const evaluationLink = (number) => {
  const entry = DATA.evaluations[number];
  return element(
    "a",
    { class: "evaluation-link", href: `#${new URLSearchParams({ evaluation: entry.id, metric: entry.metric })}` },
    element("span", { "aria-hidden": "true", class: `mark ${entry.verdict}` }, MARKS[entry.verdict]),
    element("span", { class: "unseen" }, `${entry.verdict}: `),
    ` ${visible(entry.name)}`,
  );
};

function showRun() {
  const group = ({ title, facts }) =>
    element(
      "div",
      { class: "card" },
      element("h3", {}, title),
      element(
        "dl",
        {},
        ...facts.flatMap(([label, text]) => [element("dt", {}, label), element("dd", { dir: "auto" }, visible(text))]),
      ),
    );
  $("about").replaceChildren(...DATA.about.map(group));
  if (DATA.notes.length)
    $("about").prepend(
      element(
        "div",
        { class: "card whole" },
        element("h3", {}, "Notes"),
        element("ul", {}, ...DATA.notes.map((note) => element("li", { dir: "auto" }, visible(note)))),
      ),
    );
}
